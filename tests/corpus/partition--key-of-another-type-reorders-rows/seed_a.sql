INSERT INTO m SELECT g, g::integer % 4 FROM unnest(ARRAY[1, 2, 5, 9, 11, 20, 25, 30, 40, 98]::text[]) AS g;
