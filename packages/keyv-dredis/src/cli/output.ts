import { MultiBar, SingleBar } from 'cli-progress';
import Table from 'cli-table3';

/** hasColors() exists only on a terminal. FORCE_COLOR would override NO_COLOR in it. */
const isStyled = !process.env['NO_COLOR'] && process.stdout.hasColors?.() === true;
const style = (code: number) => (text: string) => (isStyled ? `\x1b[${code}m${text}\x1b[0m` : text);
export const bold = style(1);
export const dim = style(2);
export const red = style(31);
export const green = style(32);
export const yellow = style(33);

/** A column of a table. Numbers are aligned to the right. */
export interface Column {
  readonly title: string;
  readonly isText?: boolean;
}

/** Something about a node, mostly what is wrong with it, and what to do. */
export interface Problem {
  readonly node: string;
  readonly message: string;
}

/** Draws no lines between cells. */
const NO_LINES = Object.fromEntries(
  ['top', 'bottom', 'left', 'right', 'mid'].flatMap((side) =>
    ['', '-mid', '-left', '-right'].map((part) => [side + part, '']),
  ),
);

const BAR_OPTIONS = {
  barCompleteChar: '\u2588',
  barIncompleteChar: '\u2591',
  // By default, cli-progress hides the cursor and disables line wrapping, and does not restore them if the
  // process ends.
  hideCursor: null,
  linewrap: true,
  // Without a terminal, a bar draws nothing, but its timer would keep running.
  noTTYOutput: false,
  // The first Ctrl-C ends the command after the page that is in work.
  gracefulExit: false,
};

/**
 * What a command prints: text for people, or one line of JSON per record for programs. With JSON, stdout has
 * nothing else, and all methods for text do nothing.
 */
export class Output {
  readonly isJson: boolean;

  constructor(isJson: boolean) {
    this.isJson = isJson;
  }

  /** Prints a record with JSON, else calls a function that prints it as text. */
  result(record: object, print: () => void): void {
    if (this.isJson) this.record(record);
    else print();
  }

  record(record: object): void {
    process.stdout.write(`${JSON.stringify(record)}\n`);
  }

  line(text = ''): void {
    if (!this.isJson) process.stdout.write(`${text}\n`);
  }

  heading(text: string): void {
    this.line();
    this.line(bold(text));
  }

  table(columns: readonly Column[], rows: readonly (readonly string[])[]): void {
    const table = new Table({
      head: columns.map(({ title }) => dim(title)),
      colAligns: columns.map(({ isText }) => (isText ? 'left' : 'right')),
      chars: { ...NO_LINES, middle: '   ' },
      style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    });
    table.push(...rows.map((row) => [...row]));
    for (const line of table.toString().split('\n')) this.line(line.trimEnd());
  }

  /** Prints names and values below each other. */
  pairs(rows: readonly (readonly [name: string, value: string])[]): void {
    const width = Math.max(...rows.map(([name]) => name.length));
    for (const [name, value] of rows) this.line(`${dim(name.padEnd(width))}   ${value}`);
  }

  problems(problems: readonly Problem[]): void {
    if (problems.length === 0) return;
    this.heading('Problems');
    for (const { node, message } of problems) this.line(`${red(node)}: ${message}`);
  }

  /** What is worth knowing, although nothing is wrong. */
  notes(notes: readonly Problem[]): void {
    if (notes.length === 0) return;
    this.heading('Notes');
    for (const { node, message } of notes) this.line(`${node}: ${message}`);
  }

  /** Prints a failure. With JSON it is a record, because a program reads only stdout. */
  failure(message: string): void {
    if (this.isJson) this.record({ type: 'error', message });
    else process.stderr.write(`error: ${message}\n`);
  }

  /** Clears the terminal before the next report of `--watch`. */
  clear(): void {
    if (!this.isJson && process.stdout.isTTY) process.stdout.write('\x1b[2J\x1b[H');
  }

  /** A progress bar on stderr. It draws only on a terminal. */
  progressBar(format: string): SingleBar {
    return new SingleBar({ ...BAR_OPTIONS, format });
  }

  /** Several progress bars below each other, on stderr. They draw only on a terminal. */
  progressBars(format: string): MultiBar {
    return new MultiBar({ ...BAR_OPTIONS, format });
  }
}
