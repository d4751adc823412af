import { randomBytes, randomInt } from 'node:crypto';
import { NodeUnavailableError } from '../errors/errors.js';
import { TOPOLOGY_KEY, VOTE_KEY } from '../format/reserved-keys.js';
import { asTexts } from '../node/reply-shapes.js';
import { timers } from '../timers.js';
import { ballotOf, majorityOf, NoMajorityError } from './majority.js';
import { sleep } from './pace.js';
import { formatRecord, parseRecord, type TopologyRecord } from './record.js';
import { ACCEPT, INITIALISE, PREPARE } from './register-scripts.js';
import type { Send } from './send.js';
import { OtherCacheError } from './spread.js';

/** A node that takes part in a decision. */
export interface Voter {
  readonly name: string;
  /** Undefined if the node is gone for good. */
  readonly send: Send | undefined;
}

export interface DecideOptions {
  /** Time limit, in milliseconds. @default 10000 */
  readonly timeoutMs?: number;
  /** Waits between two rounds. Tests replace it. */
  readonly wait?: (ms: number) => Promise<void>;
}

export interface Decision {
  /** The record of the epoch; of a later epoch, if that is decided, too. */
  readonly record: TopologyRecord;
  /**
   * Whether this call's proposal was decided, and not another one. If two processes propose the same record at once,
   * both may be told so.
   */
  readonly isOurs: boolean;
}

const DEFAULT_TIMEOUT_MS = 10_000;
/** The wait between two rounds is random, between this and the longest one, which doubles each time. */
const MIN_WAIT_MS = 10;
const FIRST_MAX_WAIT_MS = 100;
const MAX_WAIT_MS = 1000;

const INITIALISE_TRIES = 4;

/** Reply of a voter: what it did, and details. */
type Reply = readonly [
  kind: 'decided' | 'later' | 'outbid' | 'blank' | 'promised' | 'refused' | 'accepted' | 'failed',
  ...details: string[],
];

/** A voter that has made a promise, or could make one. */
interface Ready {
  readonly voter: Voter;
  readonly incarnation: string;
  readonly accepted: string;
  readonly value: string;
}

/**
 * Decides the record of an epoch: one instance of Paxos (Lamport, *Paxos Made Simple*, 2001), in which the nodes of
 * the record before are the voters. So the voters of an epoch are fixed before it begins, and a majority of them
 * decides it once. All callers get the same record, whoever proposed it.
 *
 * A voter that has lost its state, because its server came back empty or from a snapshot, may have lost a vote. It
 * votes again only after a majority of the others have told what they know. If a majority has lost its state, all
 * voters have to answer, except for those that are gone for good.
 *
 * @param voters all nodes of the record before
 * @throws NoMajorityError, or NodeUnavailableError if a voter holds a record that is not ours
 */
export async function decide(
  voters: readonly Voter[],
  proposal: TopologyRecord,
  { timeoutMs = DEFAULT_TIMEOUT_MS, wait = sleep }: DecideOptions = {},
): Promise<Decision> {
  const endsAt = timers.now() + timeoutMs;
  const proposer = randomBytes(4).toString('hex');
  // The text alone does not tell whose proposal it is, because two processes may propose the same record.
  const value = `${proposer}\n${formatRecord(proposal)}`;
  let wasSent = false;
  const knownBlanks = new Map<string, string>();
  let maxWaitMs = FIRST_MAX_WAIT_MS;
  for (let counter = 1; ; ) {
    const ballot = ballotOf(counter, proposer);
    const round = new Round(voters, proposal, { ballot, knownBlanks });
    const decided = await round.run(value);
    wasSent ||= round.hasSentValue;
    if (decided !== undefined) {
      const [decider, text] = decided.split('\n') as [string, string];
      const isOurs = decider === '' ? wasSent && value.endsWith(text) : decider === proposer;
      return { record: parseRecord(text), isOurs };
    }
    counter = Math.max(counter, round.highestCounter) + 1;
    // The next round may initialise them.
    if (round.foundBlanks) continue;
    if (timers.now() >= endsAt) throw round.failure();
    await wait(randomInt(MIN_WAIT_MS, maxWaitMs));
    maxWaitMs = Math.min(2 * maxWaitMs, MAX_WAIT_MS);
  }
}

export type Instance = Pick<TopologyRecord, 'epoch' | 'cache'>;

/**
 * Lets all voters vote that have lost their states, or never had one. Proposes nothing. If a majority of the voters has no
 * state, that needs all voters, so it is done while all of them answer.
 *
 * @returns whether all voters can vote
 */
export async function initialiseVoters(voters: readonly Voter[], instance: Instance): Promise<boolean> {
  const proposer = randomBytes(4).toString('hex');
  const knownBlanks = new Map<string, string>();
  // The first ballot is lower than each ballot of a proposal. A voter may be initialised once it is known that it has lost
  // its state, by a ballot that all others promise.
  for (let [counter, tries] = [0, 0]; tries < INITIALISE_TRIES; tries += 1) {
    const round = new Round(voters, instance, { ballot: ballotOf(counter, proposer), knownBlanks });
    if (await round.initialise()) return true;
    if (knownBlanks.size === 0) return false;
    if (!round.foundBlanks) counter = round.highestCounter + 1;
  }
  return false;
}

interface RoundOptions {
  readonly ballot: string;
  /** The incarnations of voters that had lost their states in earlier rounds, by name. The round adds to it. */
  readonly knownBlanks: Map<string, string>;
}

/** One attempt with one ballot. */
class Round {
  /** The highest counter of a ballot that a voter has promised. */
  highestCounter = 0;
  /** Whether voters may have accepted the caller's own value. */
  hasSentValue = false;
  /** Whether voters had lost their states that the rounds before did not know. */
  foundBlanks = false;
  readonly #voters: readonly Voter[];
  readonly #instance: Instance;
  readonly #ballot: string;
  readonly #knownBlanks: Map<string, string>;
  readonly #majority: number;
  /** Why voters cannot vote in this round. */
  readonly #reasons = new Map<string, string>();
  #known: TopologyRecord | undefined;
  #outbidCount = 0;

  constructor(voters: readonly Voter[], instance: Instance, { ballot, knownBlanks }: RoundOptions) {
    this.#knownBlanks = knownBlanks;
    this.#voters = voters;
    this.#instance = instance;
    this.#ballot = ballot;
    this.#majority = majorityOf(voters.length);
  }

  /**
   * @param own the value to propose if no other one was accepted before
   * @returns the decided value; undefined if this round decided nothing
   */
  async run(own: string): Promise<string | undefined> {
    const ready = await this.#prepare();
    if (this.#known !== undefined) return toKnownValue(this.#known);
    if (ready.length < this.#majority) return undefined;
    const value = latestOf(ready).value || own;
    this.hasSentValue = value === own;
    const acceptedCount = await this.#accept(ready, value);
    // What a majority has accepted is decided, whatever else the voters answer.
    if (acceptedCount >= this.#majority) return value;
    return this.#known && toKnownValue(this.#known);
  }

  /** Phase 1 without a proposal. @returns whether all voters can vote */
  async initialise(): Promise<boolean> {
    const ready = await this.#prepare();
    // The others have promised higher ballots, so they can vote.
    return ready.length + this.#outbidCount === this.#voters.length;
  }

  failure(): NoMajorityError {
    return new NoMajorityError(this.#voters.length, this.#reasons);
  }

  /** Phase 1. @returns the voters that have made a promise */
  async #prepare(): Promise<readonly Ready[]> {
    const incarnation = randomBytes(8).toString('hex');
    const promised: Ready[] = [];
    const blank: Ready[] = [];
    await Promise.all(
      this.#voters.map(async (voter) => {
        const [kind, ...details] = await this.#ask(voter, PREPARE, [this.#ballot, incarnation]);
        if (kind === 'promised') promised.push(toReady(voter, details));
        if (kind === 'blank') blank.push(toReady(voter, details));
      }),
    );
    if (this.#known !== undefined || blank.length === 0) return promised;
    const known = blank.filter((ready) => this.#wasBlank(ready));
    return [...promised, ...(await this.#initialise(known, promised))];
  }

  /**
   * Whether a voter had lost its state before this round began. Otherwise the promises of the others may be older than
   * the loss: they would not tell of a value that the voter accepted in between.
   */
  #wasBlank({ voter, incarnation }: Ready): boolean {
    if (this.#knownBlanks.get(voter.name) === incarnation) return true;
    this.#knownBlanks.set(voter.name, incarnation);
    this.foundBlanks = true;
    return false;
  }

  /** Lets voters vote again that have lost their states. @returns those that have made a promise */
  async #initialise(blank: readonly Ready[], promised: readonly Ready[]): Promise<readonly Ready[]> {
    if (blank.length === 0) return [];
    const voterCount = this.#voters.length;
    // Each majority with a blank voter has one of the voters that promised.
    const isCovered = promised.length > voterCount - this.#majority;
    const livingCount = this.#voters.filter(({ send }) => send !== undefined).length;
    if (!isCovered && promised.length + blank.length < livingCount) {
      for (const { voter } of blank) this.#reasons.set(voter.name, 'it has lost its votes');
      return [];
    }
    const { accepted, value } = latestOf([...promised, ...blank]);
    const initialised: Ready[] = [];
    await Promise.all(
      blank.map(async ({ voter, incarnation }) => {
        const args = [this.#ballot, incarnation, accepted, value];
        const [kind, ...details] = await this.#ask(voter, INITIALISE, args);
        if (kind === 'promised') initialised.push(toReady(voter, details));
      }),
    );
    return initialised;
  }

  /** Phase 2. @returns how many voters have accepted the value */
  async #accept(ready: readonly Ready[], value: string): Promise<number> {
    const replies = await Promise.all(
      ready.map(({ voter }) => this.#ask(voter, ACCEPT, [this.#ballot, value])),
    );
    return replies.filter(([kind]) => kind === 'accepted').length;
  }

  async #ask({ name, send }: Voter, script: string, args: readonly string[]): Promise<Reply> {
    if (send === undefined) {
      this.#reasons.set(name, 'it is lost');
      return ['failed'];
    }
    const { epoch, cache } = this.#instance;
    // The first change chooses the cache's id. Until then, no record can be the cache's.
    const scope = [String(epoch), epoch === 1 ? '' : cache];
    let reply: Reply;
    try {
      const texts = await send((commands) =>
        commands
          .eval(script, [TOPOLOGY_KEY, VOTE_KEY], [...scope, ...args])
          .then((list) => asTexts('EVAL', list)),
      );
      reply = texts as unknown as Reply;
    } catch (error) {
      this.#reasons.set(name, error instanceof Error ? error.message : String(error));
      return ['failed'];
    }
    const [kind, detail = ''] = reply;
    if (kind === 'decided') this.#learn(detail, name);
    else if (kind === 'later') this.#reasons.set(name, `it has voted on epoch ${detail} already`);
    else if (kind === 'outbid') {
      this.highestCounter = Math.max(this.highestCounter, Number.parseInt(detail, 10));
      this.#outbidCount += 1;
    }
    return reply;
  }

  /** A voter holds a record: the epoch is decided. */
  #learn(text: string, voter: string): void {
    const { epoch, cache } = this.#instance;
    try {
      const record = parseRecord(text);
      if (epoch > 1 && record.cache !== cache) throw new OtherCacheError(record);
      if (record.epoch > (this.#known?.epoch ?? 0)) this.#known = record;
    } catch (error) {
      throw new NodeUnavailableError(voter, error);
    }
  }
}

function toReady(voter: Voter, [incarnation = '', accepted = '', value = '']: readonly string[]): Ready {
  return { voter, incarnation, accepted, value };
}

/** The value of a record that stands on a server. Who proposed it is not known. */
function toKnownValue(record: TopologyRecord): string {
  return `\n${formatRecord(record)}`;
}

/** The vote with the highest ballot. */
function latestOf(votes: readonly Ready[]): Pick<Ready, 'accepted' | 'value'> {
  return votes.reduce<Pick<Ready, 'accepted' | 'value'>>(
    (latest, vote) => (vote.accepted > latest.accepted ? vote : latest),
    { accepted: '', value: '' },
  );
}
