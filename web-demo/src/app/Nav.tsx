import { Icon } from '../ui/Icon'
import { addressOf, type Page, PAGES } from './router'

/** The pages: beside the page, or below it on a phone. */
export function Nav({ page, titles }: { readonly page: Page; readonly titles: Readonly<Record<Page, string>> }) {
  return (
    <nav className="nav" aria-label="Pages">
      <ul>
        {PAGES.map((name) => (
          <li key={name}>
            <a href={addressOf(name)} aria-current={name === page ? 'page' : undefined}>
              <Icon name={name} />
              <span>{titles[name]}</span>
            </a>
          </li>
        ))}
      </ul>
    </nav>
  )
}
