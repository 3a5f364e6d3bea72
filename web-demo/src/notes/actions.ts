import type { UpdateRow } from 'kalamdb'
import { useMemo } from 'react'
import type { Demo, DemoTables } from '../database/schema'
import { useDemo } from '../database/useDemo'
import { complain } from '../ui/toasts'
import type { NoteLine } from './lines'

export type NoteChanges = UpdateRow<DemoTables['notes']>

/** What can be done to a note. Nothing waits for the server; what fails is shown. */
export interface NoteActions {
  readonly add: (title: string, kind: 'note' | 'task', topic: string) => Promise<string | undefined>
  readonly update: (id: string, changes: NoteChanges) => void
  readonly toggleDone: (line: Pick<NoteLine, 'id' | 'done'>) => void
  readonly toggleStar: (line: Pick<NoteLine, 'id' | 'stars'>) => void
  readonly like: (id: string, likes?: number) => void
  readonly remove: (id: string) => void
}

export function useNoteActions(): NoteActions {
  const db = useDemo()
  return useMemo(() => actionsOn(db), [db])
}

function actionsOn(db: Demo): NoteActions {
  const { notes } = db.tables
  const update = (id: string, changes: NoteChanges): void => void notes.update(id, changes).catch(complain)
  return {
    update,
    add: async (title, kind, topic) => {
      const id = crypto.randomUUID()
      try {
        await notes.insert({ id, title, kind, topic })
        return id
      } catch (error) {
        complain(error)
        return undefined
      }
    },
    toggleDone: ({ id, done }) => update(id, { done: !done }),
    toggleStar: ({ id, stars }) => update(id, { stars: stars === 0 ? 1 : 0 }),
    // Likes of several devices add up: they are an addition and not a new value.
    like: (id, likes = 1) => void notes.add(id, { likes }).catch(complain),
    remove: (id) => void notes.delete(id).catch(complain)
  }
}
