import { Presets, SingleBar } from 'cli-progress';

const isColored = process.stdout.isTTY === true && !('NO_COLOR' in process.env);
const style = (code: number) => (text: string) => (isColored ? `\x1b[${code}m${text}\x1b[0m` : text);
export const bold = style(1);
export const dim = style(2);

export const count = (value: number) => value.toLocaleString('en-US');
export const percent = (part: number, whole: number) => `${((100 * part) / whole).toFixed(1)} %`;
export const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

export function heading(text: string): void {
  console.log(`\n${bold(text)}`);
}

export function line(text: string): void {
  console.log(`  ${text}`);
}

/** Columns as wide as their widest cell; the first one to the left, numbers to the right. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = header.map((_, column) =>
    Math.max(...[header, ...rows].map((row) => row[column]?.length ?? 0)),
  );
  const format = (row: readonly string[]) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('   ');
  line(dim(format(header)));
  for (const row of rows) line(format(row));
}

/** Does `work` chunk by chunk behind a progress bar, which only a terminal gets to see. @returns milliseconds */
export async function inChunks<T>(
  label: string,
  items: readonly T[],
  size: number,
  work: (chunk: readonly T[]) => Promise<void>,
): Promise<number> {
  const bar = new SingleBar(
    {
      format: `  ${label} {bar} {percentage} %  {value} of {total} keys`,
      // Ctrl-C finds the terminal as it was.
      hideCursor: null,
      linewrap: true,
    },
    Presets.shades_classic,
  );
  bar.start(items.length, 0);
  const startedAt = performance.now();
  try {
    for (let from = 0; from < items.length; from += size) {
      const chunk = items.slice(from, from + size);
      await work(chunk);
      bar.increment(chunk.length);
    }
  } finally {
    bar.stop();
  }
  return performance.now() - startedAt;
}
