import { Icon, type IconName } from './Icon'
import { setTheme, type Theme, useTheme } from './theme'

const THEMES: readonly { readonly theme: Theme; readonly icon: IconName; readonly label: string }[] = [
  { theme: 'light', icon: 'sun', label: 'Light' },
  { theme: 'system', icon: 'auto', label: 'As the system' },
  { theme: 'dark', icon: 'moon', label: 'Dark' }
]

/** Light, dark, or as the system says. */
export function ThemeSwitch() {
  const current = useTheme()
  return (
    <div className="segments segments-icons" role="group" aria-label="Colours">
      {THEMES.map(({ theme, icon, label }) => (
        <button key={theme} type="button" aria-pressed={theme === current} aria-label={label} title={label} onClick={() => setTheme(theme)}>
          <Icon name={icon} />
        </button>
      ))}
    </div>
  )
}
