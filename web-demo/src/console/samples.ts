/** Texts to begin with. */
export const SAMPLES: readonly { readonly name: string; readonly text: string }[] = [
  { name: 'Newest notes', text: 'SELECT title, topic, stars, likes, _updated, _seq\nFROM demo.notes\nORDER BY _updated DESC\nLIMIT 50' },
  { name: 'Notes by topic', text: 'SELECT topic, count(*) AS notes, sum(likes) AS likes,\n       round(100.0 * sum(CASE WHEN done THEN 1 ELSE 0 END) / count(*), 1) AS done_percent\nFROM demo.notes\nGROUP BY topic\nORDER BY notes DESC' },
  { name: 'Best of each topic', text: 'WITH ranked AS (\n  SELECT topic, title, likes,\n         row_number() OVER (PARTITION BY topic ORDER BY likes DESC) AS place\n  FROM demo.notes\n)\nSELECT topic, place, title, likes\nFROM ranked\nWHERE place <= 3\nORDER BY topic, place' },
  { name: 'Deleted notes', text: 'SELECT title, _updated, _seq FROM demo.notes WHERE _deleted' },
  { name: 'What waits for the server', text: 'SELECT id, title, _updated FROM demo.notes WHERE _seq IS NULL' },
  { name: 'Worst connections', text: "SELECT origin, dest, count(*) AS flights, round(avg(arr_delay), 1) AS delay\nFROM app.flights\nGROUP BY origin, dest\nHAVING count(*) > 100\nORDER BY delay DESC\nLIMIT 20" },
  { name: 'Tables and columns', text: 'SELECT namespace, table_name, name, type, nullable, column_default\nFROM system.columns\nORDER BY namespace, table_name, position' },
  { name: 'Delete what was ticked off', text: 'DELETE FROM demo.notes WHERE done' }
]
