/** Numbers and texts as people read them. */

export const count = (value: number) => value.toLocaleString('en-US');

export const percent = (fraction: number) => `${(100 * fraction).toFixed(1)} %`;

/** `1 key`, `2 keys` */
export const plural = (value: number, noun: string) => `${count(value)} ${noun}${value === 1 ? '' : 's'}`;

/** The weight of a node. One with weight 0 votes and holds no keys. */
export const weightOf = (weight: number) => (weight === 0 ? 'witness' : String(weight));

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** Bytes in decimal units. */
export function bytes(value: number): string {
  const exponent = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, value)) / 3)));
  const scaled = value / 1000 ** exponent;
  return `${exponent === 0 ? scaled : scaled.toFixed(1)} ${UNITS[exponent]}`;
}

/** A duration with its two largest units. */
export function duration(ms: number): string {
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min ${Math.floor((ms % 60_000) / 1000)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${count(Math.floor(hours / 24))} d ${hours % 24} h`;
}

/** A key for a terminal: control characters, which could change the terminal, are escaped. */
export function printable(text: string): string {
  return text.replace(
    /\p{Cc}/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
