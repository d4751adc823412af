import { DRedisError } from '../errors/errors.js';
import type { Reporter } from '../errors/reporter.js';
import { timers } from '../timers.js';
import type { KeyvCompat } from './keyv-compat.js';

/** Warns once if several Keyv instances share a store that works correctly for only one of them. */
export function warnIfShared(compat: KeyvCompat, reporter: Reporter): void {
  if (!compat.isAmbiguous && !compat.isMixed) return;
  reporter.warnOnce(
    'DREDIS_SHARED_STORE',
    'Keyv instances with different namespaces or of different major versions share one DRedisStore. The ' +
      'namespace and the version of the last one apply to all of them, and clear() is refused if the ' +
      'namespaces differ. Give each its own store: store.withNamespace(namespace).',
  );
}

/** Does the same after the current job, because a new Keyv assigns its namespace after it adds its listener. */
export function warnIfSharedSoon(compat: KeyvCompat, reporter: Reporter): void {
  timers.queueMicrotask(() => warnIfShared(compat, reporter));
}

/** @throws DRedisError if `clear()` might remove keys that do not belong to this Keyv */
export function assertClearable(compat: KeyvCompat, ownsDatabase: boolean): void {
  if (compat.isAmbiguous) {
    throw new DRedisError(
      'DREDIS_NAMESPACE_AMBIGUOUS',
      'clear() is refused: Keyv instances with different namespaces share this store, so it is unknown whose ' +
        'keys to remove. Give each its own store: store.withNamespace(namespace).',
    );
  }
  if (compat.convention.prefix === '' && !ownsDatabase) {
    throw new DRedisError(
      'DREDIS_CLEAR_REFUSED',
      'clear() is refused: keys without a namespace have no prefix with this keyFormat, so it would remove ' +
        'every key of the database. ' +
        'Set a namespace, or ownsDatabase: true if all keys of the database belong to this store.',
    );
  }
}
