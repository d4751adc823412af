import 'reflect-metadata';
import { CACHE_MANAGER, type Cache, CacheModule } from '@nestjs/cache-manager';
import { NestFactory } from '@nestjs/core';
import { DRedisStore } from 'keyv-dredis';

/** Uses Nest's cache module. Nest creates the Keyv itself, and disconnects it when the application closes. */
export async function overNest(locations: string[]): Promise<unknown> {
  const cacheModule = CacheModule.register({
    isGlobal: true,
    stores: [new DRedisStore(locations)],
    namespace: 'nest',
    ttl: 60_000, // milliseconds
  });

  const app = await NestFactory.createApplicationContext(cacheModule, { logger: false });
  const cache = app.get<Cache>(CACHE_MANAGER);
  await cache.set('user:1', { name: 'Ada' });
  const user = await cache.get('user:1');
  await cache.clear();
  await app.close();
  return user;
}
