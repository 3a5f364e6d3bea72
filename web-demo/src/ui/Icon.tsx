const PATHS = {
  notes: 'M5 4h14v16H5zM9 9h6M9 13h6M9 17h3',
  flights: 'M3 13l18-7-7 14-2.5-5.5zM11.5 14.5 21 6',
  devices: 'M4 5h11v9H4zM2 18h11M17 9h5v10h-5z',
  console: 'M4 5h16v14H4zM8 10l3 2.5L8 15M13 15h4',
  inspector: 'M4 12h3l3-7 4 14 3-7h3',
  star: 'M12 4l2.5 5.1 5.6.8-4 4 .9 5.6-5-2.7-5 2.7.9-5.6-4-4 5.6-.8z',
  heart: 'M12 19.5S4.5 15 4.5 9.6A3.9 3.9 0 0 1 12 8a3.9 3.9 0 0 1 7.5 1.6C19.5 15 12 19.5 12 19.5z',
  close: 'M6 6l12 12M18 6 6 18',
  search: 'M11 5a6 6 0 1 0 0 12 6 6 0 0 0 0-12zM20 20l-4.6-4.6',
  plus: 'M12 5v14M5 12h14',
  trash: 'M5 7h14M10 7V5h4v2M7 7l1 12h8l1-12M10.5 10.5v5.5M13.5 10.5v5.5',
  sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4',
  moon: 'M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z',
  auto: 'M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16',
  play: 'M8 5.5v13l10.5-6.5z',
  download: 'M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 20h14',
  history: 'M4.5 12a7.5 7.5 0 1 0 2.5-5.6M4 4.5V9h4.5M12 8v4.5l3 1.5',
  back: 'M15 5l-7 7 7 7',
  undo: 'M9 7 5 11l4 4M5 11h9a5 5 0 0 1 0 10h-3'
} as const

export type IconName = keyof typeof PATHS

/** A small drawing that says nothing to screen readers: what holds it has a label. */
export function Icon({ name, filled = false }: { readonly name: IconName; readonly filled?: boolean }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true" fill={filled ? 'currentColor' : 'none'} stroke="currentColor" strokeWidth="1.75" strokeLinecap="round" strokeLinejoin="round">
      <path d={PATHS[name]} />
    </svg>
  )
}
