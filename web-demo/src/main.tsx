import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app/App'
import { start } from './session/session'
import { complain } from './ui/toasts'
import './styles/tokens.css'
import './styles/base.css'
import './styles/controls.css'
import './styles/signs.css'
import './styles/frames.css'
import './styles/shell.css'
import './styles/notes.css'
import './styles/flights.css'
import './styles/devices.css'
import './styles/console.css'
import './styles/inspector.css'

addEventListener('unhandledrejection', ({ reason }) => complain(reason))

const root = document.getElementById('root')
if (root === null) throw new Error('the page has no element with the id root')
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>
)
void start()

if (import.meta.env.PROD && 'serviceWorker' in navigator) {
  // Without it the application still works, only not from its first byte on without a network.
  navigator.serviceWorker.register('./sw.js').catch((error: unknown) => console.warn('the page will not start offline', error))
}
