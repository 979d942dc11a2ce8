INSERT INTO task (id, open, step, all_steps, steps, span) VALUES
    (1, 'new', ROW(now(), 'new', '{done}'), ARRAY[ROW(now(), 'new', '{done}')]::step[],
     ROW(ROW(now(), 'new', '{done}'), NULL), states('new', 'new', '[]')),
    (2, NULL, NULL, NULL, NULL, NULL);
