"use strict";
// The same settings as FastAPI's own page, from a file: the policy of the page allows no script inside it.
window.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  showExtensions: true,
  presets: [window.SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
});
