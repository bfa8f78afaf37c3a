import { findRedis } from './find-redis.ts';

// Run once before the tests, so that test files which run side by side do not all fetch it.
const { command } = await findRedis((line) => console.log(line));
console.log(`Redis for the tests: ${command}`);
