import type { Model, Step } from '../search.js';
import {
  accepting,
  ballotOf,
  type Config,
  encode,
  initialState,
  MAJORITY,
  type Message,
  nextRound,
  type Part,
  type Proposer,
  proposalOf,
  proposerOf,
  type Reply,
  type State,
  VOTER_COUNT,
  type Voter,
} from './state.js';

/**
 * The register decides the record of one epoch: one instance of Paxos with three voters, see
 * packages/keyv-dredis/src/membership/register.ts. Two proposers want different values. A search visits every order in
 * which their messages are executed. Messages and replies may be lost, and a voter comes back empty at any moment.
 */
export function registerModel(config: Config): Model<State> {
  return {
    initial: initialState(config),
    encode: (state) =>
      encode(has(config, 'incarnation') && has(config, 'promise') ? withoutDead(state) : state),
    violation,
    steps: (state) => [
      ...state.messages.flatMap((message) => deliverySteps(config, state, message)),
      ...state.proposers.flatMap((_proposer, id) => [
        ...prepareSteps(state, id),
        ...proposerSteps(config, state, id),
      ]),
      ...restartSteps(config, state),
    ],
  };
}

/** States that only differ by messages that no voter will ever obey are the same state. */
function withoutDead(state: State): State {
  const messages = state.messages.filter(({ kind, ballot, voter: id, incarnation }) => {
    const voter = state.voters[id] as Voter;
    if (voter.incarnation !== incarnation) return false;
    return kind === 'accept' ? voter.promised <= ballot : !voter.isVoting;
  });
  return { ...state, messages };
}

/** A value is decided as soon as a majority has accepted it under one ballot, whether or not anybody knows. */
function violation({ acceptances }: State): string | undefined {
  const decided = acceptances.filter(([voters]) => bitCount(voters) >= MAJORITY).map(([, value]) => value);
  return new Set(decided).size > 1 ? `the epoch is decided as ${decided.join(' and ')}` : undefined;
}

/** A voter executes a message. The proposer gets the reply at once, or never. */
function deliverySteps(config: Config, state: State, message: Message): readonly Step<State>[] {
  const { kind, ballot, voter: id, accepted, value } = message;
  const voter = state.voters[id] as Voter;
  const messages = state.messages.filter((other) => other !== message);
  const name = `voter ${id}: ${kind} ${ballot}`;
  if (has(config, 'incarnation') && voter.incarnation !== message.incarnation) return [];
  if (kind === 'accept') {
    if (!voter.isVoting || (has(config, 'promise') && voter.promised !== ballot)) return [];
    const after = { ...voter, accepted: ballot, value };
    const acceptances = withAcceptance(state.acceptances, message);
    return [[name, { ...state, messages, acceptances, voters: state.voters.with(id, after) }]];
  }
  if (voter.isVoting) return [];
  const after = { ...voter, isVoting: true, promised: ballot, accepted, value };
  const next = { ...state, messages, voters: state.voters.with(id, after) };
  const proposer = state.proposers[proposerOf(ballot)] as Proposer;
  const isLate = proposer.isAccepting || ballotOf(proposerOf(ballot), proposer.round) !== ballot;
  return isLate
    ? [[name, next]]
    : [
        [name, next],
        [`${name}, replies`, withReply(next, proposerOf(ballot), id)],
      ];
}

/**
 * Phase 1. A promise without a reply only prevents other votes, as if their messages were lost. So it need not be
 * visited.
 */
function prepareSteps(state: State, id: number): readonly Step<State>[] {
  const proposer = state.proposers[id] as Proposer;
  const ballot = ballotOf(id, proposer.round);
  if (proposer.round === 0 || proposer.isAccepting) return [];
  return state.voters.flatMap((voter, voterId): Step<State>[] => {
    if (proposer.replies[voterId] !== undefined || ballot <= voter.promised) return [];
    const after = voter.isVoting ? { ...voter, promised: ballot } : voter;
    const next = { ...state, voters: state.voters.with(voterId, after) };
    return [[`voter ${voterId}: prepare ${ballot}, replies`, withReply(next, id, voterId)]];
  });
}

/** The proposer learns the present state of a voter. */
function withReply(state: State, id: number, voterId: number): State {
  const proposer = state.proposers[id] as Proposer;
  const replies = proposer.replies.with(voterId, toReply(state.voters[voterId] as Voter));
  return { ...state, proposers: state.proposers.with(id, { ...proposer, replies }) };
}

function toReply({ isVoting, incarnation, accepted, value }: Voter): Reply {
  return { isReady: isVoting, isAsked: false, incarnation, accepted, value };
}

function proposerSteps(config: Config, state: State, id: number): readonly Step<State>[] {
  const steps: Step<State>[] = [];
  const proposer = state.proposers[id] as Proposer;
  const ballot = ballotOf(id, proposer.round);
  const add = (name: string, next: Proposer, messages: readonly Message[]) => {
    const proposers = state.proposers.with(id, next);
    steps.push([
      `proposer ${id}: ${name}`,
      { ...state, proposers, messages: [...state.messages, ...messages] },
    ]);
  };

  if (proposer.round < (config.rounds[id] as number)) {
    add(`begins round ${proposer.round + 1}`, nextRound(proposer), []);
  }
  if (proposer.round === 0 || proposer.isAccepting) return steps;

  const replies = [...proposer.replies.entries()].filter((entry): entry is [number, Reply] => !!entry[1]);
  const ready = replies.filter(([, { isReady }]) => isReady);
  const isKnownBlank = (voter: number, { incarnation }: Reply) =>
    proposer.knownBlank[voter] === incarnation || !has(config, 'reread');
  const blank = replies.filter(
    ([voter, reply]) => !reply.isReady && !reply.isAsked && isKnownBlank(voter, reply),
  );
  // Either each majority with a blank voter has one of the ready voters, or all voters tell what they know.
  const isCovered = ready.length > VOTER_COUNT - MAJORITY || replies.length === VOTER_COUNT;
  if (blank.length > 0 && isCovered) {
    const { accepted, value } = latestOf(replies);
    const asked = proposer.replies.map((reply) => reply && { ...reply, isAsked: !reply.isReady });
    const messages = blank.map(([voter, { incarnation }]): Message => {
      return { kind: 'initialise', ballot, voter, incarnation, accepted, value };
    });
    add('initialises voters', { ...proposer, replies: asked }, messages);
  }
  if (ready.length >= MAJORITY) {
    const adopted = has(config, 'adopt') ? latestOf(ready).value : 0;
    const value = adopted === 0 ? proposalOf(id) : adopted;
    const messages = ready.map(([voter, { incarnation }]): Message => {
      return { kind: 'accept', ballot, voter, incarnation, accepted: 0, value };
    });
    add(`proposes ${value}`, accepting(proposer), messages);
  }
  return steps;
}

function restartSteps(config: Config, state: State): readonly Step<State>[] {
  if (state.restarts === 0) return [];
  const { incarnation } = state.voters[0] as Voter;
  const isVoting = !has(config, 'copy');
  const blank = { isVoting, incarnation: incarnation + 1, promised: 0, accepted: 0, value: 0 };
  const next = { ...state, restarts: state.restarts - 1, voters: state.voters.with(0, blank) };
  return [['voter 0 comes back empty', next]];
}

/** The vote with the highest ballot. */
function latestOf(replies: readonly (readonly [number, Reply])[]): Pick<Reply, 'accepted' | 'value'> {
  return replies.reduce<Pick<Reply, 'accepted' | 'value'>>(
    (latest, [, reply]) => (reply.accepted > latest.accepted ? reply : latest),
    { accepted: 0, value: 0 },
  );
}

function withAcceptance(acceptances: State['acceptances'], { ballot, voter, value }: Message) {
  const [voters] = acceptances[ballot] as readonly [number, number];
  return acceptances.with(ballot, [voters | (1 << voter), value]);
}

function has(config: Config, part: Part): boolean {
  return !config.without?.includes(part);
}

function bitCount(bits: number): number {
  let count = 0;
  for (let rest = bits; rest > 0; rest >>= 1) count += rest & 1;
  return count;
}
