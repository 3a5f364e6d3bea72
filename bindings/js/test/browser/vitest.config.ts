import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

/** The package in Chromium, with the real engine and the real server: `npm run test:browser`, after `npm run build`. */
export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    include: ['test/browser/**/*.e2e.ts'],
    // One browser at a time: tests wait for each other's processor otherwise.
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    slowTestThreshold: 30_000
  }
})
