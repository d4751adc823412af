/** Parts of the register that can be left out, to see that they are necessary. */
export const PARTS = [
  /** A voter accepts only the ballot that it promised last. */
  'promise',
  /** A proposer takes over the accepted value with the highest ballot. */
  'adopt',
  /** A voter that came back empty gets its state from a majority of the others before it votes. */
  'copy',
  /** That majority tells its state after the proposer knew that the voter is empty. */
  'reread',
  /** A voter that came back empty once more ignores what was meant for it before. */
  'incarnation',
] as const;
export type Part = (typeof PARTS)[number];

export interface Config {
  /** Whether no voter has a state at the beginning, as before the first change. @default false */
  readonly isFirst?: boolean;
  /** How many ballots each proposer has. */
  readonly rounds: readonly number[];
  /** How many times the voter with index 0 comes back empty. @default 0 */
  readonly restarts?: number;
  readonly without?: readonly Part[];
}

export const VOTER_COUNT = 3;
export const MAJORITY = 2;
const PROPOSER_COUNT = 2;

export interface Voter {
  /** False if it has lost its state. */
  readonly isVoting: boolean;
  /** Changes when it comes back empty. */
  readonly incarnation: number;
  /** Ballots; 0 if there is none. */
  readonly promised: number;
  readonly accepted: number;
  /** The accepted value; 0 if there is none. */
  readonly value: number;
}

export const KINDS = ['initialise', 'accept'] as const;

export interface Message {
  readonly kind: (typeof KINDS)[number];
  readonly ballot: number;
  readonly voter: number;
  readonly incarnation: number;
  readonly accepted: number;
  readonly value: number;
}

/** What a proposer knows of a voter in the present round. */
export interface Reply {
  readonly isReady: boolean;
  /** Whether the proposer has sent the state to a voter that has lost it. */
  readonly isAsked: boolean;
  readonly incarnation: number;
  readonly accepted: number;
  readonly value: number;
}

export interface Proposer {
  readonly round: number;
  readonly isAccepting: boolean;
  /** By voter. */
  readonly replies: readonly (Reply | undefined)[];
  /** By voter: the incarnation that was known to be empty before this round; UNKNOWN if none was. */
  readonly knownBlank: readonly number[];
}

export const UNKNOWN = -1;

export interface State {
  readonly restarts: number;
  readonly voters: readonly Voter[];
  readonly proposers: readonly Proposer[];
  /** Messages on their way. Each is executed once, or never. */
  readonly messages: readonly Message[];
  /** For each ballot: the voters that have ever accepted it, as bits, and the value. No voter knows this. */
  readonly acceptances: readonly (readonly [voters: number, value: number])[];
}

const NO_REPLIES = Array.from({ length: VOTER_COUNT }, () => undefined);
const NONE_BLANK = Array.from({ length: VOTER_COUNT }, () => UNKNOWN);

export function initialState({ isFirst = false, restarts = 0, rounds }: Config): State {
  const voter = { isVoting: !isFirst, incarnation: 0, promised: 0, accepted: 0, value: 0 };
  return {
    restarts,
    voters: Array.from({ length: VOTER_COUNT }, () => voter),
    proposers: rounds.map(() => ({
      round: 0,
      isAccepting: false,
      replies: NO_REPLIES,
      knownBlank: NONE_BLANK,
    })),
    messages: [],
    acceptances: Array.from({ length: Math.max(...rounds) * PROPOSER_COUNT + 1 }, () => [0, 0]),
  };
}

/** The next round, in which the proposer knows which voters were empty in this one. */
export function nextRound({ round, replies, knownBlank }: Proposer): Proposer {
  const blank = replies.map((reply, voter) =>
    reply === undefined || reply.isReady ? (knownBlank[voter] as number) : reply.incarnation,
  );
  return { round: round + 1, isAccepting: false, replies: NO_REPLIES, knownBlank: blank };
}

/** Phase 2 of a round. The replies of phase 1 make no difference any more. */
export function accepting(proposer: Proposer): Proposer {
  return { ...nextRound(proposer), round: proposer.round, isAccepting: true };
}

/** Ballots are unique, and each proposer's next one is higher than everybody's present one. */
export const ballotOf = (proposer: number, round: number) => (round - 1) * PROPOSER_COUNT + proposer + 1;
export const proposerOf = (ballot: number) => (ballot - 1) % PROPOSER_COUNT;
export const proposalOf = (proposer: number) => proposer + 1;

/** The voters 1 and 2 do the same, so states that only differ by their order are the same state. */
export function encode(state: State): string {
  const texts = [textOf(state, [0, 1, 2]), textOf(state, [0, 2, 1])];
  return texts.sort()[0] as string;
}

/** @param order for each voter the index that it gets in the text; its own inverse */
function textOf(state: State, order: readonly number[]): string {
  const codes = [state.restarts];
  for (const index of order) {
    const voter = state.voters[index] as Voter;
    codes.push(Number(voter.isVoting), voter.incarnation, voter.promised, voter.accepted, voter.value);
  }
  for (const { round, isAccepting, replies, knownBlank } of state.proposers) {
    codes.push(round * 2 + Number(isAccepting));
    for (const index of order) {
      codes.push((knownBlank[index] as number) + 1);
      const reply = replies[index];
      if (reply === undefined) codes.push(0);
      else {
        codes.push(1 + Number(reply.isReady) + 2 * Number(reply.isAsked));
        codes.push(reply.incarnation, reply.accepted, reply.value);
      }
    }
  }
  for (const [voters, value] of state.acceptances) {
    const bits = order.reduce((sum, to, from) => sum + (((voters >> from) & 1) << to), 0);
    codes.push(bits * 4 + value);
  }
  const messages = state.messages.map(({ kind, ballot, voter, incarnation, accepted, value }) =>
    String.fromCharCode(KINDS.indexOf(kind), ballot, order[voter] as number, incarnation, accepted, value),
  );
  return String.fromCharCode(...codes) + messages.sort().join('');
}
