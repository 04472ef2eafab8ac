-- Apart from the triggers, whose transaction keeps everybody from writing products.
SELECT recount_products();
