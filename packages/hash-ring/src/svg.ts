import type { HashRing } from './hash-ring.js';

const HASH_SPACE = 2 ** 32;
const SIZE = 420;
const MIDDLE = SIZE / 2;
const INNER = 120;
const OUTER = 165;
const BAR_LEFT = 590;
const BAR_WIDTH = 200;
const ROW = 26;

/**
 * Draws a ring as SVG. A circle shows each node's arcs, clockwise from the top. Next to the circle, bars show
 * each node's share. A mark on each bar shows the ideal share for the node's weight. If there is a second
 * ring, an outer circle shows the arcs that change their owner, in the new owner's colour. The bars then show
 * the shares in the second ring. The picture is readable for up to about fifty nodes. O(p), where p counts
 * the points of both rings.
 */
export function renderRing(ring: HashRing, next?: HashRing): string {
  const shown = next ?? ring;
  const names = Array.from(new Set([...ring.nodes, ...shown.nodes]));
  const colours = new Map(
    names.map((name, i) => [name, `hsl(${Math.round((i * 360) / names.length)} 65% 55%)`]),
  );
  const height = Math.max(SIZE, (names.length + 3) * ROW + 20);

  const colourOf = (name: string) => colours.get(name) as string;
  const all = arcsOf([ring]);
  const circle = names.map((name) => {
    const arcs = all.filter(({ owners }) => owners[0] === name);
    return slices(arcs, INNER, OUTER, colourOf(name), name);
  });
  const moving = next ? arcsOf([ring, next]).filter(({ owners: [from, to] }) => from !== to) : [];
  const moved = names.map((name) => {
    const arcs = moving.filter(({ owners }) => owners[1] === name);
    return slices(arcs, OUTER + 6, OUTER + 30, colourOf(name), `moves to ${name}`);
  });

  const shares = shown.shares();
  const { nodes } = shown.toJSON();
  const total = nodes.reduce((sum, { weight = 1 }) => sum + weight, 0);
  const ideals = new Map(nodes.map(({ name, weight = 1 }) => [name, weight / total]));
  const scale = BAR_WIDTH / Math.max(...shares.values(), ...ideals.values());
  const rows = names.map((name, i) => {
    const y = 40 + i * ROW;
    const share = shares.get(name) ?? 0;
    const ideal = ideals.get(name) ?? 0;
    const mark = BAR_LEFT + ideal * scale;
    return [
      `<text x="${BAR_LEFT - 10}" y="${y + 14}" text-anchor="end">${escapeText(abbreviated(name))}</text>`,
      `<rect x="${BAR_LEFT}" y="${y}" width="${round(share * scale)}" height="18" fill="${colourOf(name)}"/>`,
      `<path d="M${round(mark)} ${y - 3}v24" stroke="#222" stroke-width="2"/>`,
      `<text x="${BAR_LEFT + BAR_WIDTH + 12}" y="${y + 14}">${percent(share)} (ideal ${percent(ideal)})</text>`,
    ].join('');
  });
  const title = next
    ? `${percent(ring.movement(next).fraction)} of the keys move`
    : `${ring.size} ${ring.size === 1 ? 'node' : 'nodes'}`;

  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 980 ${height}" width="980" height="${height}"`,
    ` role="img" font-family="system-ui, sans-serif" font-size="13" fill="#222">`,
    `<title>The ring of ${escapeText(names.join(', '))}: ${title}</title>`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    ...[...circle, ...moved],
    `<text x="${MIDDLE}" y="${MIDDLE + 5}" text-anchor="middle" font-size="15">${title}</text>`,
    `<text x="${BAR_LEFT}" y="24">share of the keys${next ? ' after the change' : ''}; the mark is the ideal</text>`,
    ...rows,
    '</svg>',
  ].join('');
}

interface Arc {
  readonly start: number;
  readonly end: number;
  /** The owner in each ring. */
  readonly owners: readonly (string | undefined)[];
}

/** The hash space, cut wherever the owner changes in any of the rings. */
function arcsOf(rings: readonly HashRing[]): Arc[] {
  const points = rings.map((ring) => Array.from(ring.points()));
  const at = rings.map(() => 0);
  const arcs: Arc[] = [];
  for (let start = 0; start < HASH_SPACE; ) {
    const nexts = points.map((list, i) => list[at[i] as number]);
    const owners = nexts.map((next, i) => (next ?? points[i]?.[0])?.[1]);
    const end = Math.min(HASH_SPACE, ...nexts.map((next) => (next?.[0] ?? HASH_SPACE) + 1));
    const last = arcs.at(-1);
    const continuesLast = last?.owners.every((owner, i) => owner === owners[i]);
    if (last && continuesLast) arcs[arcs.length - 1] = { ...last, end };
    else arcs.push({ start, end, owners });
    for (const [i, list] of points.entries()) {
      while ((list[at[i] as number]?.[0] ?? HASH_SPACE) < end) at[i] = (at[i] as number) + 1;
    }
    start = end;
  }
  return arcs;
}

/** Draws arcs as slices between two radii. */
function slices(arcs: readonly Arc[], inner: number, outer: number, colour: string, title: string): string {
  if (arcs.length === 0) return '';
  const paths = arcs.map(({ start, end }) => {
    if (end - start < HASH_SPACE / 200) {
      const corners = [place(start, outer), place(end, outer), place(end, inner), place(start, inner)];
      return `M${corners.join('L')}Z`; // too short for a visible curve
    }
    const edge = (radius: number, sweep: 0 | 1, ...targets: number[]) =>
      targets.map((to) => `A${radius} ${radius} 0 0 ${sweep} ${place(to, radius)}`).join('');
    // Draws two halves, because SVG draws nothing for an arc that ends where it starts.
    const middle = (start + end) / 2;
    return `M${place(start, outer)}${edge(outer, 1, middle, end)}L${place(end, inner)}${edge(inner, 0, middle, start)}Z`;
  });
  return `<path d="${paths.join('')}" fill="${colour}"><title>${escapeText(title)}</title></path>`;
}

function place(hash: number, radius: number): string {
  const angle = (hash / HASH_SPACE) * 2 * Math.PI;
  return `${round(MIDDLE + radius * Math.sin(angle))} ${round(MIDDLE - radius * Math.cos(angle))}`;
}

/**
 * Shortens a name so that it fits between the circle and the bars. The arcs' titles contain the full name.
 */
function abbreviated(name: string): string {
  const characters = Array.from(name);
  return characters.length > 22 ? `${characters.slice(0, 21).join('')}…` : name;
}

function percent(fraction: number): string {
  return `${(fraction * 100).toFixed(1)} %`;
}

function round(n: number): number {
  return Math.round(n * 100) / 100;
}

function escapeText(text: string): string {
  // XML 1.0 cannot represent control characters, even escaped.
  return text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
