/** Terminal output for all tools: text styles, number formats, headings, tables and progress bars. */
import { Presets, SingleBar } from 'cli-progress';

/** hasColors() exists only on a terminal, and obeys NO_COLOR and TERM=dumb. */
const isStyled = process.stdout.hasColors?.() === true;
const style = (code: number) => (text: string) => (isStyled ? `\x1b[${code}m${text}\x1b[0m` : text);
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

/** Prints a table. The first `textColumnCount` columns are left-aligned, all others are right-aligned. */
export function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  textColumnCount = 1,
): void {
  const widths = header.map((_, column) =>
    Math.max(...[header, ...rows].map((row) => row[column]?.length ?? 0)),
  );
  const format = (row: readonly string[]) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column < textColumnCount ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('   ');
  line(dim(format(header)));
  for (const row of rows) line(format(row));
}

/** Creates a progress bar that prints only to a terminal. @param format in cli-progress syntax */
export function progressBar(format: string): SingleBar {
  const options = {
    format: `  ${format}`,
    // By default, cli-progress hides the cursor and disables line wrapping, and does not restore them after
    // Ctrl-C.
    hideCursor: null,
    linewrap: true,
  };
  return new SingleBar(options, Presets.shades_classic);
}
