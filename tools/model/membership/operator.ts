import { NONE } from '../judge.js';
import {
  BOTH,
  bit,
  type Config,
  freshToken,
  isMoving,
  NO_TOKEN,
  type OperatorState,
  otherThan,
  ownerOf,
  type Part,
  raise,
  SERVERS,
  type Server,
  type State,
} from './state.js';

/** A step of an operator: its name, and how it changes a state. */
export type OperatorAction = readonly [name: string, act: (state: State) => void];

/**
 * The possible next steps of an operator. Its commands are sent and executed in one step: nothing is checked when
 * they are sent, so a pause before sending has the same effect as one after it. The operator moves the key itself. One
 * that is left over from an earlier change goes on until a script tells it.
 */
export function operatorActions(config: Config, state: State, id: number): readonly OperatorAction[] {
  const { step, epoch, told } = state.operators[id] as OperatorState;
  if (step === 'done') return [];
  const name = `operator ${id}, epoch ${epoch}: ${step}`;
  if (step !== 'spread' && step !== 'confirm') {
    return [[name, (next) => new OperatorTurn(config, next, id)[step]()]];
  }
  return SERVERS.filter((at) => (told & bit(at)) === 0).map((at) => [
    `${name} at ${at}`,
    (next) => new OperatorTurn(config, next, id)[step](at),
  ]);
}

class OperatorTurn {
  readonly #config: Config;
  readonly #state: State;
  readonly #operator: OperatorState;
  readonly #target: Server;
  readonly #to: Server;
  readonly #from: Server;

  constructor(config: Config, state: State, id: number) {
    this.#config = config;
    this.#state = state;
    this.#operator = state.operators[id] as OperatorState;
    this.#target = config.operators[id] as Server;
    this.#to = ownerOf(this.#operator.epoch);
    this.#from = otherThan(this.#to);
  }

  #has(part: Part): boolean {
    return !this.#config.without?.includes(part);
  }

  /** Finds the newest record. An unfinished change is finished first, and a settled record is spread again. */
  start(): void {
    this.#adopt(this.#state.decided);
  }

  #adopt(epoch: number): void {
    this.#operator.epoch = epoch;
    this.#operator.told = 0;
    this.#operator.step = 'spread';
  }

  /** Before a change: removes the key from the target, which does not own it yet. */
  sweep(): void {
    const { servers } = this.#state;
    if (this.#has('sweep')) {
      if (this.#has('check of sweep') && !this.#holdsRecord(this.#target)) return;
      servers[this.#target].value = NONE;
    }
    this.#operator.step = 'decide';
  }

  /** The register decides the next epoch once. Whoever loses has changed nothing. */
  decide(): void {
    const next = this.#operator.epoch + 1;
    if (this.#state.decided >= next) {
      this.#end();
      return;
    }
    this.#state.decided = next;
    this.#adopt(next);
  }

  spread(at: Server): void {
    const operator = this.#operator;
    raise(this.#state, at, operator.epoch);
    operator.told |= bit(at);
    if (operator.told !== BOTH) return;
    operator.told = 0;
    if (isMoving(operator.epoch)) operator.step = 'lease';
    else if (this.#to === this.#target) this.#end();
    else operator.step = 'sweep';
  }

  lease(): void {
    if (this.#has('check at to') && !this.#holdsRecord(this.#to)) return;
    const to = this.#state.servers[this.#to];
    if (to.value !== NONE) {
      this.#operator.step = 'drop';
      return;
    }
    if (to.lease === NO_TOKEN) to.lease = freshToken(this.#state);
    this.#operator.token = to.lease;
    this.#operator.step = 'fetch';
  }

  fetch(): void {
    const { value } = this.#state.servers[this.#from];
    if (value === NONE) {
      // The operator finds keys with SCAN, which compares no record.
      this.#operator.token = NO_TOKEN;
      this.#operator.step = 'confirm';
      return;
    }
    if (this.#has('check at from') && !this.#holdsRecord(this.#from)) return;
    this.#operator.fetched = value;
    this.#operator.step = 'store';
  }

  store(): void {
    if (this.#has('check at to') && !this.#holdsRecord(this.#to)) return;
    const operator = this.#operator;
    const to = this.#state.servers[this.#to];
    const isStored = to.lease === operator.token || !this.#has('cas');
    if (isStored) {
      if (to.value === NONE) to.value = operator.fetched;
      to.lease = NO_TOKEN;
    }
    operator.step = isStored || to.value !== NONE ? 'drop' : 'lease';
    operator.fetched = NONE;
    operator.token = NO_TOKEN;
  }

  drop(): void {
    if (this.#has('check at from') && !this.#holdsRecord(this.#from)) return;
    this.#state.servers[this.#from].value = NONE;
    this.#operator.step = 'confirm';
  }

  /** Before it settles: looks whether all servers still hold the record. */
  confirm(at: Server): void {
    const operator = this.#operator;
    if (this.#has('confirm') && !this.#holdsRecord(at)) return;
    operator.told |= bit(at);
    if (operator.told !== BOTH) return;
    operator.told = 0;
    operator.step = 'decide';
  }

  /**
   * If a server came back empty, it gets the record again, and the operator moves the key again. If it holds a newer
   * record, another operator has settled.
   */
  #holdsRecord(at: Server): boolean {
    const { epoch } = this.#state.servers[at];
    if (epoch === this.#operator.epoch) return true;
    if (epoch > this.#operator.epoch) this.#end();
    else this.#adopt(this.#operator.epoch);
    Object.assign(this.#operator, { fetched: NONE, token: NO_TOKEN });
    return false;
  }

  #end(): void {
    Object.assign(this.#operator, { step: 'done', epoch: 0, told: 0, token: NO_TOKEN, fetched: NONE });
  }
}
