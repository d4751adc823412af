import { expect, test } from '@jest/globals';
import { parseLocations } from '../src/redis-locations.js';

test.each([
  { given: 'a:1,b:65535', count: 2, locations: ['a:1', 'b:65535'] },
  { given: ' a:1 , b:2 ', count: 2, locations: ['a:1', 'b:2'] },
  { given: '[::1]:6379', count: 1, locations: ['[::1]:6379'] },
  { given: 'a:1,b:2,c:3', count: 2, locations: ['a:1', 'b:2'] },
])('parseLocations() accepts "$given"', ({ given, count, locations }) => {
  expect(parseLocations(given, count)).toEqual(locations);
});

test.each([
  { given: 'a', message: "expected host:port,host:port,..., but entry 1 is 'a'" },
  { given: 'a:1,', message: "entry 2 is ''" },
  { given: 'a:0', message: "entry 1 is 'a:0'" },
  { given: 'a:65536', message: "entry 1 is 'a:65536'" },
  { given: '::1:6379', message: "entry 1 is '::1:6379'" },
  { given: 'redis://a:1', message: "entry 1 is 'redis://a:1'" },
  { given: 'redis://u:secret@a:1', message: "entry 1 is '***@a:1'" },
  { given: 'a:1,a:1', message: 'it names a server twice' },
  { given: 'a:1', message: 'expected at least 2 servers, got 1' },
])('parseLocations() rejects "$given"', ({ given, message }) => {
  expect(() => parseLocations(given, 2)).toThrow(/^REDIS_LOCATIONS: /);
  expect(() => parseLocations(given, 2)).toThrow(message);
});
