import { type RefObject, useCallback, useEffect, useLayoutEffect, useState } from 'react'

/** Rows that are rendered above and below what is seen. */
const OVERSCAN = 6

/** Which of many rows of one height are to be rendered. */
export interface Virtual {
  readonly first: number
  /** One behind the last. */
  readonly end: number
  /** Pixels of all rows. */
  readonly height: number
  /** Scrolls as little as needed to show the row. */
  readonly reveal: (index: number) => void
}

/** Renders only the rows that are seen in `scroller`. `header` pixels stand above the rows and stay. */
export function useVirtual(scroller: RefObject<HTMLElement | null>, rows: number, rowHeight: number, header = 0): Virtual {
  const [view, setView] = useState({ top: 0, height: 800 })
  useLayoutEffect(() => {
    const element = scroller.current
    if (element === null) return
    const measure = (): void => {
      const next = { top: Math.floor(element.scrollTop / rowHeight) * rowHeight, height: element.clientHeight }
      setView((view) => (view.top === next.top && view.height === next.height ? view : next))
    }
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    element.addEventListener('scroll', measure, { passive: true })
    measure()
    return () => {
      observer.disconnect()
      element.removeEventListener('scroll', measure)
    }
  }, [scroller, rowHeight])
  // A list that became shorter does not leave the view behind its end.
  useEffect(() => {
    const element = scroller.current
    if (element !== null && element.scrollTop > rows * rowHeight) element.scrollTop = 0
  }, [scroller, rows, rowHeight])
  const reveal = useCallback(
    (index: number) => {
      const element = scroller.current
      if (element === null) return
      const top = index * rowHeight
      const room = element.clientHeight - header - rowHeight
      if (top < element.scrollTop) element.scrollTop = top
      else if (top > element.scrollTop + room) element.scrollTop = top - room
    },
    [scroller, rowHeight, header]
  )
  const first = Math.max(0, Math.min(rows, Math.floor(view.top / rowHeight)) - OVERSCAN)
  const end = Math.min(rows, Math.ceil((view.top + view.height) / rowHeight) + OVERSCAN)
  return { first, end, height: rows * rowHeight, reveal }
}
