// A smooth line through points, level where it leaves and arrives; so it runs under its label, which is one of them.

/** `down` is true for pictures that go downwards. */
export function curve(points, down) {
  const [first, ...rest] = points;
  let drawn = `M${first.x},${first.y}`;
  let from = first;
  for (const to of rest) {
    const x = (from.x + to.x) / 2;
    const y = (from.y + to.y) / 2;
    drawn += down ? `C${from.x},${y} ${to.x},${y} ${to.x},${to.y}` : `C${x},${from.y} ${x},${to.y} ${to.x},${to.y}`;
    from = to;
  }
  return drawn;
}
