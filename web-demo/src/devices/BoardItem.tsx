import type { BoardRow } from '../database/schema'
import { useDemo } from '../database/useDemo'
import { Icon } from '../ui/Icon'
import { complain } from '../ui/toasts'
import { useDraft } from '../ui/useDraft'
import type { BoardLine } from './DevicePanel'

interface BoardItemProps {
  readonly row: BoardLine
  /** The same row on the other device. */
  readonly other: BoardRow | undefined
}

/** A row that both devices can edit. What the other one has differently is marked. */
export function BoardItem({ row, other }: BoardItemProps) {
  const { board } = useDemo().tables
  const { id, item, amount, done, _seq } = row
  const update = (changes: Parameters<typeof board.update>[1]): void => void board.update(id, changes).catch(complain)
  const remark = useDraft(row.remark, (value) => update({ remark: value }))
  const price = useDraft(String(row.price), (value) => {
    // What is out of bounds is refused by the CHECK of the table, which says so.
    if (value.trim() !== '') update({ price: Number(value) })
  })
  const differs = (column: keyof BoardRow): boolean | undefined => (other === undefined || other[column] !== row[column] ? true : undefined)
  return (
    <li className="board-item" data-waits={_seq === null} data-alone={other === undefined}>
      <label className="board-name" data-differs={differs('done') ?? differs('item')}>
        <input type="checkbox" checked={done} onChange={() => update({ done: !done })} />
        <span>{item}</span>
      </label>
      {_seq === null && <span className="unsent" role="img" aria-label="not sent yet" title="Not sent yet" />}
      <label className="board-field board-price" data-differs={differs('price')}>
        Price
        <input inputMode="numeric" value={price.value} onChange={(event) => price.set(event.target.value.replace(/[^0-9]/g, '').slice(0, 6))} onBlur={price.flush} />
      </label>
      <div className="board-field board-amount" data-differs={differs('amount')}>
        <span aria-hidden="true">Amount</span>
        <div className="stepper" role="group" aria-label={`Amount of ${item}`}>
          <button type="button" aria-label="One less" onClick={() => void board.add(id, { amount: -1 }).catch(complain)}>
            −
          </button>
          <output>{amount}</output>
          <button type="button" aria-label="One more" onClick={() => void board.add(id, { amount: 1 }).catch(complain)}>
            +
          </button>
        </div>
      </div>
      <label className="board-field board-remark" data-differs={differs('remark')}>
        Remark
        <input value={remark.value} maxLength={200} onChange={(event) => remark.set(event.target.value)} onBlur={remark.flush} />
      </label>
      <button type="button" className="icon-button" aria-label={`Delete ${item}`} onClick={() => void board.delete(id).catch(complain)}>
        <Icon name="trash" />
      </button>
    </li>
  )
}
