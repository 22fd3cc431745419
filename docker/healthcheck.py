"""Ask the server of this container whether it is ready; exit code 0 if so, else 1 with what is missing.

Only the standard library: it runs every few seconds, beside the server.
"""

import http.client
import os
import sys

TIMEOUT_SECONDS = 4


def problem(port: int) -> str | None:
    """Say why `/health/ready` on this port is not a 200; None if it is."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/health/ready")
        response = connection.getresponse()
        return None if response.status == 200 else f"{response.status}: {response.read(2_000).decode(errors='replace')}"
    except (OSError, http.client.HTTPException) as error:
        return f"port {port}: {error}"
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(problem(int(os.environ.get("KTUP_PORT") or 8000)))
