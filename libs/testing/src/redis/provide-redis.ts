import { findRedis } from './find-redis.ts';

// Runs once before the tests, so that parallel test files do not all download it.
const { command } = await findRedis((line) => console.log(line));
console.log(`Redis for the tests: ${command}`);
