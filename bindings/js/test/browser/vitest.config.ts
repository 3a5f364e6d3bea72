import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

/** The package in Chromium, with the real engine and the real server: `npm run test:browser`, after `npm run build`. */
export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    include: ['test/browser/**/*.e2e.ts'],
    // Each file has a browser, a site and a server of its own. More of them wait for each other's processors.
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    slowTestThreshold: 30_000
  }
})
