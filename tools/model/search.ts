/** A system with finitely many states. States are never changed: a step makes a new one. */
export interface Model<State> {
  readonly initial: State;
  /** All steps that are possible in a state, with their names. */
  steps(state: State): readonly Step<State>[];
  /** Two states with the same text are the same state. */
  encode(state: State): string;
  /** @returns what is wrong in this state, if anything */
  violation(state: State): string | undefined;
}

export type Step<State> = readonly [name: string, next: State];

export interface SearchResult {
  readonly outcome: 'holds' | 'violated' | 'too many states';
  readonly stateCount: number;
  /** Only if `outcome` is `violated`. */
  readonly violation?: string;
  /** The steps that lead from the initial state to the violation. */
  readonly steps?: readonly string[];
}

/** The way to a state, as a list from its end to its beginning. */
interface Path {
  readonly name: string;
  readonly before: Path | undefined;
}

/** A Set can hold at most 2^24 entries, so the states are spread over several. */
const SET_COUNT = 16;

/**
 * Visits every state that can be reached, depth first, until a step leads to a violation.
 *
 * @param story names of the first steps, if only their continuations are of interest
 * @throws Error if a step of the story is not possible
 */
export function search<State>(
  model: Model<State>,
  maxStates: number,
  story: readonly string[] = [],
): SearchResult {
  const visited = Array.from({ length: SET_COUNT }, () => new Set<string>());
  let stateCount = 0;
  const isNew = (state: State) => {
    const text = model.encode(state);
    const set = visited[hash(text) % SET_COUNT] as Set<string>;
    if (set.has(text)) return false;
    set.add(text);
    stateCount += 1;
    return true;
  };
  const stack: { state: State; path: Path | undefined }[] = [replay(model, story)];
  for (const { state } of stack) isNew(state);
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    for (const [name, next] of model.steps(top.state)) {
      const path = { name, before: top.path };
      // Before the look-up, because a violation is what a step does, and need not be part of the text.
      const violation = model.violation(next);
      if (violation !== undefined) {
        return { outcome: 'violated', stateCount, violation, steps: namesOf(path) };
      }
      if (!isNew(next)) continue;
      if (stateCount > maxStates) return { outcome: 'too many states', stateCount };
      stack.push({ state: next, path });
    }
  }
  return { outcome: 'holds', stateCount };
}

function replay<State>(model: Model<State>, story: readonly string[]) {
  let [state, path]: [State, Path | undefined] = [model.initial, undefined];
  for (const name of story) {
    const steps = model.steps(state);
    const next = steps.find(([candidate]) => candidate === name)?.[1];
    if (next === undefined) {
      throw new Error(
        `"${name}" is not possible. Possible: ${steps.map(([possible]) => possible).join('; ')}`,
      );
    }
    [state, path] = [next, { name, before: path }];
  }
  return { state, path };
}

function hash(text: string): number {
  let sum = 0;
  for (let index = 0; index < text.length; index += 1) sum = (sum * 31 + text.charCodeAt(index)) >>> 0;
  return sum >>> 8;
}

function namesOf(path: Path): readonly string[] {
  const names: string[] = [];
  for (let at: Path | undefined = path; at !== undefined; at = at.before) names.push(at.name);
  return names.reverse();
}
