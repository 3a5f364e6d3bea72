import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

// The server that `npm run dev` passes requests on to, so that the page is signed in as the one of `kalamdb serve --dev` is.
const server = process.env.KALAMDB_URL ?? 'http://127.0.0.1:7171'

export default defineConfig({
  base: './',
  plugins: [react()],
  // The package is a link to its folder, which may have a React of its own.
  resolve: { dedupe: ['react', 'react-dom'] },
  // Vite does not find a worker in what it has bundled beforehand.
  optimizeDeps: { exclude: ['kalamdb'] },
  worker: { format: 'es' },
  build: { target: 'es2022', cssTarget: ['chrome123', 'firefox120', 'safari17.5'], sourcemap: false, modulePreload: { polyfill: false } },
  server: { proxy: { '/v1': { target: server, ws: true }, '/kalamdb.json': server } }
})
