import type { ReactNode } from 'react'

interface SwitchProps {
  readonly checked: boolean
  readonly onChange: (checked: boolean) => void
  readonly disabled?: boolean
  readonly children: ReactNode
}

/** Something that is on or off. */
export function Switch({ checked, onChange, disabled = false, children }: SwitchProps) {
  return (
    <button type="button" role="switch" className="switch" aria-checked={checked} disabled={disabled} onClick={() => onChange(!checked)}>
      <span className="switch-track" aria-hidden="true" />
      <span className="switch-label">{children}</span>
    </button>
  )
}
