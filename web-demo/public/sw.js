// Keeps the application itself on the device, so that it starts without a network. Rows are the database's business.
const CACHE = 'kalamdb-demo'
/** Files that a build leaves behind are dropped beyond this number. */
const FILES_MAX = 60

self.addEventListener('install', (event) => event.waitUntil(self.skipWaiting()))
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()))

self.addEventListener('fetch', (event) => {
  const { request } = event
  const url = new URL(request.url)
  if (request.method !== 'GET' || url.origin !== self.location.origin) return
  if (request.mode === 'navigate') event.respondWith(fresh(request))
  // Names of assets have a hash of their contents.
  else if (url.pathname.includes('/assets/')) event.respondWith(kept(request))
})

async function fresh(request) {
  const cache = await caches.open(CACHE)
  try {
    const response = await fetch(request)
    if (response.ok) await cache.put('./', response.clone())
    return response
  } catch (error) {
    const known = await cache.match('./')
    if (known === undefined) throw error
    return known
  }
}

async function kept(request) {
  const cache = await caches.open(CACHE)
  const known = await cache.match(request)
  if (known !== undefined) return known
  const response = await fetch(request)
  if (response.ok) {
    await cache.put(request, response.clone())
    const files = await cache.keys()
    await Promise.all(files.slice(0, Math.max(0, files.length - FILES_MAX)).map((file) => cache.delete(file)))
  }
  return response
}
