import { Icon } from '../ui/Icon'

const FIVE = [1, 2, 3, 4, 5] as const

/** Up to five stars; the one that is the last one takes it away again. */
export function Stars({ stars, onChange }: { readonly stars: number; readonly onChange: (stars: number) => void }) {
  return (
    <div className="stars" role="group" aria-label={`Stars: ${stars} of 5`}>
      {FIVE.map((star) => (
        <button key={star} type="button" className="mark mark-star" aria-pressed={star <= stars} aria-label={star === 1 ? '1 star' : `${star} stars`} onClick={() => onChange(star === stars ? star - 1 : star)}>
          <Icon name="star" filled={star <= stars} />
        </button>
      ))}
    </div>
  )
}
