import { KalamError } from 'kalamdb'
import { useRef, useState } from 'react'
import { signOut } from '../session/session'
import { complain } from '../ui/toasts'

/** Wipes the device; asks once more if something would be lost. */
export function SignOutPanel() {
  const dialog = useRef<HTMLDialogElement>(null)
  const [reason, setReason] = useState('')
  const leave = async (discard: boolean): Promise<void> => {
    try {
      await signOut(discard)
    } catch (error) {
      if (!(error instanceof KalamError) || error.code !== 'unsynced_writes') return complain(error)
      setReason(error.message)
      dialog.current?.showModal()
    }
  }
  return (
    <>
      <p className="quiet">Wipes what is on this device. What the server has stays there.</p>
      <button type="button" className="button button-danger" onClick={() => void leave(false)}>
        Sign out
      </button>
      <dialog ref={dialog} aria-labelledby="discard-title">
        <h2 id="discard-title">Lose what was not sent?</h2>
        <p>{reason.split(':')[0]}. Signing out now loses it for ever.</p>
        <div className="row">
          <button type="button" className="button button-main" autoFocus onClick={() => dialog.current?.close()}>
            Stay signed in
          </button>
          <button type="button" className="button button-danger" onClick={() => void leave(true)}>
            Sign out and lose it
          </button>
        </div>
      </dialog>
    </>
  )
}
