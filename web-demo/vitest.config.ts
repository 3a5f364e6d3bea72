import { defineConfig } from 'vitest/config'

export default defineConfig({
  // One browser at a time: the tests measure how long its main thread is busy.
  test: { include: ['test/**/*.test.ts'], fileParallelism: false, testTimeout: 120_000, hookTimeout: 120_000 }
})
