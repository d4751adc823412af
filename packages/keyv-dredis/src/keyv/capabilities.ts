/** Declares that a store has a method. */
export interface MethodCapability {
  /** The method exists. */
  readonly exists: boolean;
  /** The method returns a promise. */
  readonly methodType: 'async';
}

/** Type of `store.capabilities`, which Keyv 6 reads. */
export interface StoreCapabilities {
  /** Keyv uses the store directly, without a wrapper. */
  readonly compatible: true;
  /** The kind of store. */
  readonly store: 'keyvStorage';
  /** The methods of the store. */
  readonly methods: Readonly<
    Record<
      | 'get'
      | 'getMany'
      | 'has'
      | 'hasMany'
      | 'set'
      | 'setMany'
      | 'delete'
      | 'deleteMany'
      | 'clear'
      | 'disconnect'
      | 'iterator',
      MethodCapability
    >
  >;
  /** Keyv passes expiries as absolute times. */
  readonly expires: true;
}

const METHOD: MethodCapability = { exists: true, methodType: 'async' };

/** The capabilities that all stores have. */
export const CAPABILITIES: StoreCapabilities = Object.freeze({
  compatible: true,
  store: 'keyvStorage',
  methods: Object.freeze({
    get: METHOD,
    getMany: METHOD,
    has: METHOD,
    hasMany: METHOD,
    set: METHOD,
    setMany: METHOD,
    delete: METHOD,
    deleteMany: METHOD,
    clear: METHOD,
    disconnect: METHOD,
    iterator: METHOD,
  }),
  expires: true,
});
