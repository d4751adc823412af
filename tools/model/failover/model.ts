import { NONE } from '../judge.js';
import type { Model, Step } from '../search.js';
import { clientMoves, endConnections, executeLate } from './client.js';
import { operatorActions } from './operator.js';
import {
  announce,
  type Config,
  copyOf,
  encode,
  initialState,
  NAMES,
  NO_LOG,
  NO_TOKEN,
  SERVERS,
  type Server,
  type State,
  use,
  Z,
} from './state.js';

/**
 * A node goes away and returns. docs/outages.md describes the protocol. Y owns the key, Z owns it while Y is away, and X
 * has no keys and a vote. A search visits every order of the steps of
 *
 * - clients with a few operations each, which begin under epoch 0;
 * - operators that take Y out of the ring and bring it back, see operator.ts;
 * - values that vanish, and servers that come back empty or with an earlier state.
 *
 * A server that is frozen or cut off is one that executes commands later. A process that dies is one that takes no more
 * steps, or whose call has failed. A time lease lasts until `away` is decided, because a client can do more with it than
 * without it. Connections to Y may be lost. Then the server may still execute what was sent, at any later time.
 *
 * Not modelled: several keys, clear(), lost connections to Z, other changes of the topology at the same time, and how the
 * register decides (see register/model.ts).
 */
export function failoverModel(config: Config): Model<State> {
  const unstable = config.unstable ?? [Z];
  return {
    initial: initialState(config),
    encode,
    violation: (state) => state.violation,
    steps: (state) => [
      ...clientSteps(config, state),
      ...operatorActions(config, state).map(([name, act]) => step(name, state, act)),
      ...lateSteps(state),
      ...expirySteps(state),
      ...announcementSteps(state),
      ...unstable.flatMap((at) => restartSteps(config, state, at)),
    ],
  };
}

function step(name: string, state: State, act: (next: State) => void): Step<State> {
  const next = copyOf(state);
  act(next);
  return [name, next];
}

function clientSteps(config: Config, state: State): readonly Step<State>[] {
  return state.clients.flatMap((_client, id) =>
    clientMoves(config, state, id).map((move): Step<State> => {
      const next = copyOf(state);
      return [move(next), next];
    }),
  );
}

function lateSteps(state: State): readonly Step<State>[] {
  return state.clients.flatMap((client, id) => {
    const { late } = client;
    if (late === undefined) return [];
    const execute = (next: State) => executeLate(next, client, id);
    return [step(`Y executes a late ${late.step} of client ${id}`, state, execute)];
  });
}

function expirySteps(state: State): readonly Step<State>[] {
  if (state.left.expiries === 0) return [];
  return SERVERS.filter((at) => state.servers[at].value !== NONE).map((at) =>
    step(`the value at ${NAMES[at]} expires`, state, (next) => {
      use(next, 'expiries');
      next.servers[at].value = NONE;
    }),
  );
}

function announcementSteps(state: State): readonly Step<State>[] {
  if (state.left.announcements === 0) return [];
  return SERVERS.map((at) =>
    step(`${NAMES[at]} announces a change`, state, (next) => {
      use(next, 'announcements');
      announce(next, at);
    }),
  );
}

function restartSteps(config: Config, state: State, at: Server): readonly Step<State>[] {
  const { snapshot, servers } = state;
  const { restarts, rollbacks, flushes } = state.left;
  const steps: Step<State>[] = [];
  const add = (name: string, act: (next: State) => void) => steps.push(step(name, state, act));
  if (restarts > 0) {
    add(`${NAMES[at]} comes back empty`, (next) => {
      use(next, 'restarts');
      empty(next, at);
      restart(config, next, at);
    });
  }
  if (flushes > 0) {
    add(`${NAMES[at]} is flushed`, (next) => {
      use(next, 'flushes');
      empty(next, at);
      announce(next, at);
    });
  }
  if (rollbacks > 0 && snapshot === undefined && !servers[at].isNew) {
    add(`${NAMES[at]} saves a snapshot`, (next) => {
      next.snapshot = { server: at, epoch: servers[at].epoch, log: state.log };
    });
  }
  if (rollbacks > 0 && snapshot?.server === at) {
    add(`${NAMES[at]} comes back with the snapshot`, (next) => {
      use(next, 'rollbacks');
      empty(next, at);
      next.servers[at].epoch = snapshot.epoch;
      if (at === Z) next.log = snapshot.log;
      next.snapshot = undefined;
      restart(config, next, at);
    });
  }
  return steps;
}

/** A server loses everything. If it has an earlier state, the restart rule `purge` removes the values. */
function empty(state: State, at: Server): void {
  Object.assign(state.servers[at], { value: NONE, lease: NO_TOKEN, epoch: 0, isNew: true });
  if (at === Z) state.log = NO_LOG;
}

function restart(config: Config, state: State, at: Server): void {
  if (at === Z) state.run += 1;
  endConnections(config, state, at);
}
