import { createHash } from 'node:crypto';
import { ApolloServer } from '@apollo/server';
import { KeyvAdapter } from '@apollo/utils.keyvadapter';
import { DRedisStore } from 'keyv-dredis';
import { Keyv } from 'keyv5';

/** Uses the store as Apollo Server's cache, here for an automatically persisted query. */
export async function underApollo(locations: string[]): Promise<unknown[]> {
  const typeDefs = 'type Query { greeting: String }';
  const resolvers = { Query: { greeting: () => 'hello' } };

  const store = new DRedisStore(locations);
  const cache = new Keyv({ store, namespace: 'graphql' });
  // as never: KeyvAdapter is typed for the CommonJS build of Keyv, and this is an ES module.
  const server = new ApolloServer({ typeDefs, resolvers, cache: new KeyvAdapter(cache as never) });

  const query = '{ greeting }';
  const sha256Hash = createHash('sha256').update(query).digest('hex');
  const extensions = { persistedQuery: { version: 1, sha256Hash } };
  await server.executeOperation({ query, extensions });
  // The second client sends only the hash. Apollo Server finds the query in Redis.
  const { body } = await server.executeOperation({ extensions });
  const keys: string[] = [];
  for await (const [key] of store.iterator('graphql')) keys.push(key);
  await server.stop();
  await cache.clear();
  await cache.disconnect();
  return [body.kind === 'single' && body.singleResult.data?.['greeting'], keys.length];
}
