const METHODS = [
  'get',
  'getMany',
  'has',
  'hasMany',
  'set',
  'setMany',
  'delete',
  'deleteMany',
  'clear',
  'disconnect',
  'iterator',
] as const;

/** Type of `store.capabilities`, which Keyv 6 reads. With `expires`, Keyv passes absolute times of expiry. */
export interface StoreCapabilities {
  readonly compatible: true;
  readonly store: 'keyvStorage';
  readonly methods: Readonly<Record<(typeof METHODS)[number], { exists: boolean; methodType: 'async' }>>;
  readonly expires: true;
}

/** The capabilities of the store: Keyv 6 uses it directly, without a wrapper. */
export const CAPABILITIES: StoreCapabilities = Object.freeze({
  compatible: true,
  store: 'keyvStorage',
  methods: Object.freeze(
    Object.fromEntries(
      METHODS.map((name) => [name, { exists: true, methodType: 'async' }]),
    ) as StoreCapabilities['methods'],
  ),
  expires: true,
});
