INSERT INTO shop.item SELECT generate_series(1, 9);
INSERT INTO shop.sale SELECT generate_series(1, 9);
INSERT INTO stock.move SELECT generate_series(1, 5);
