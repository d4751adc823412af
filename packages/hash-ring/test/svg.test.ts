import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { HashRing } from '../src/index.js';
import { renderRing } from '../src/svg.js';

const svg = (ring: HashRing, next?: HashRing) => renderRing(ring, next);

/** Measures the slices with this title in the drawing. @returns their area as a fraction of the circle */
function drawnShare(drawing: string, title: string): number {
  const path = new RegExp(`<path d="([^"]*)"[^>]*><title>${title}</title>`).exec(drawing)?.[1] ?? '';
  let share = 0;
  for (const slice of path.split('Z').filter(Boolean)) {
    const places = Array.from(slice.matchAll(/(?:^M|L|[01] )(-?[\d.]+) (-?[\d.]+)(?=[A-Z]|$)/g), ([, x, y]) =>
      Math.atan2(Number(x) - 210, 210 - Number(y)),
    );
    const turn = (from: number, to: number) => (to - from + 4 * Math.PI) % (2 * Math.PI);
    const [first, second, third] = places as [number, number, number];
    // A curved slice has an extra point in its middle.
    share += (turn(first, second) + (slice.includes('A') ? turn(second, third) : 0)) / (2 * Math.PI);
  }
  return share;
}

test("a node's slices cover its share of the circle, and a bar shows that share", () => {
  const ring = new HashRing(['a', 'b', { name: 'c', weight: 3 }]);
  const drawing = svg(ring);
  for (const [name, share] of ring.shares()) {
    expect(Math.abs(drawnShare(drawing, name) - share)).toBeLessThan(0.005);
    expect(drawing).toContain(`${(share * 100).toFixed(1)} %`);
  }
  expect(drawing).toContain('(ideal 60.0 %)');
  expect(drawing).not.toContain('moves to');
});

test('with a second ring, the outer slices show what moves to each new owner', () => {
  const ring = new HashRing(['a', 'b', 'c']);
  const next = ring.clone().add('d');
  next.remove('a');
  const drawing = svg(ring, next);
  const { fraction, flows } = ring.movement(next);
  expect(drawing).toContain(`${(fraction * 100).toFixed(1)} % of the keys move`);
  for (const name of ['b', 'c', 'd']) {
    const gained = flows.filter(({ to }) => to === name).reduce((sum, flow) => sum + flow.fraction, 0);
    expect(gained).toBeGreaterThan(0);
    expect(Math.abs(drawnShare(drawing, `moves to ${name}`) - gained)).toBeLessThan(0.005);
  }
  expect(drawnShare(drawing, 'a')).toBeGreaterThan(0);
  expect(drawing).not.toContain('moves to a');
});

test('a single node fills the whole circle, and an empty ring has no slices', () => {
  expect(drawnShare(svg(new HashRing(['only'])), 'only')).toBeCloseTo(1);
  expect(svg(new HashRing(['only']))).toContain('>1 node<');
  expect(svg(new HashRing())).toContain('>0 nodes<');
});

test('renderRing() escapes names, and shortens them next to the bars', () => {
  const drawing = svg(new HashRing(['</title><script>&"\u0000', 'x'.repeat(40)]));
  expect(drawing).toContain('&#60;/title&#62;&#60;script&#62;&#38;&#34;\ufffd');
  expect(drawing).not.toMatch(/<script|\0/);
  expect(drawing).toContain(`>${'x'.repeat(21)}…</text>`);
  expect(drawing).toContain(`<title>${'x'.repeat(40)}</title>`);
});

test('docs/ring.svg, the picture in the README, is what renderRing draws', () => {
  const ring = new HashRing(['cache-1', 'cache-2', 'cache-3', { name: 'cache-4', weight: 2 }]);
  const picture = readFileSync(new URL('../docs/ring.svg', import.meta.url), 'utf8');
  expect(picture).toBe(`${svg(ring, ring.clone().add('cache-5'))}\n`);
});
