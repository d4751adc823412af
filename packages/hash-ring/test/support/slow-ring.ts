import { createHash } from 'node:crypto';

/** A simple implementation of ketama, with node:crypto and a sorted list of points. */
export function slowRing(nodes: readonly (readonly [name: string, label: string, count: number])[]) {
  const points = nodes.flatMap(([name, label, count]) =>
    Array.from({ length: count }, (_, i) => createHash('md5').update(`${label}-${i}`).digest()).flatMap(
      (digest) =>
        [0, 4, 8, 12].map((at) => ({ point: digest.readUInt32LE(at), label: Buffer.from(label), name })),
    ),
  );
  points.sort(
    (a, b) => a.point - b.point || a.label.length - b.label.length || Buffer.compare(a.label, b.label),
  );
  return {
    points: points.map(({ point, name }) => [point, name]),
    owner: (hash: number) => (points.find(({ point }) => point >= hash) ?? points[0])?.name,
  };
}
