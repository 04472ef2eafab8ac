namespace Tienda.Http;

/// <summary>
/// What a client is told when a named constraint of the database refuses a write. The database is the one place that can decide
/// whether a name is free or a reference exists without a race; its constraint's name carries the verdict here.
/// </summary>
public static class ConstraintProblems
{
    private sealed record Verdict(ProblemType Type, string? Field, string Message);

    // What a foreign key says to the one who refers to nothing; its other side is below.
    private static readonly Dictionary<string, Verdict> Verdicts = new()
    {
        ["categories_name_unique"] = new(ProblemType.Duplicate, "name", "is already the name of another category"),
        ["categories_parent_exists"] = new(ProblemType.InvalidValues, "parent_id", "is not the id_key of a category"),
        ["categories_no_cycle"] = new(ProblemType.InvalidValues, "parent_id", "would make the category its own ancestor"),
        ["products_sku_unique"] = new(ProblemType.Duplicate, "sku", "is already the sku of another product"),
        ["products_category_exists"] = new(ProblemType.InvalidValues, "category_id", "is not the id_key of a category"),
        ["product_import_categories_category_exists"] = new(ProblemType.InvalidValues, "category_id", "is not the id_key of a category"),
        ["idx_clients_email"] = new(ProblemType.Duplicate, "email", "is already registered"),
        ["addresses_client_exists"] = new(ProblemType.InvalidValues, "client_id", "is not the id_key of a client"),
        ["orders_client_exists"] = new(ProblemType.InvalidValues, "client_id", "is not the id_key of a client"),
        ["orders_address_of_client"] = new(ProblemType.InvalidValues, "address_id", "is not the id_key of an address of this client"),
        ["orders_total_limit"] = new(ProblemType.InvalidValues, "quantity", "would bring the order's total above 9999999999999.99"),
        ["order_details_order_exists"] = new(ProblemType.InvalidValues, "order_id", "is not the id_key of an order"),
        ["order_details_product_exists"] = new(ProblemType.InvalidValues, "product_id", "is not the id_key of a product"),
        ["bills_order_exists"] = new(ProblemType.InvalidValues, "order_id", "is not the id_key of an order"),
        ["bills_order_unvoided"] = new(ProblemType.Duplicate, "order_id", "already has a bill; void that one first"),
        ["reviews_product_exists"] = new(ProblemType.InvalidValues, "product_id", "is not the id_key of a product"),
        ["reviews_client_exists"] = new(ProblemType.InvalidValues, "client_id", "is not the id_key of a client"),
        ["reviews_one_per_client"] = new(ProblemType.Duplicate, "product_id", "was already reviewed by this client; change that review"),
    };

    private static readonly Dictionary<string, string> Referrers = new()
    {
        ["categories_parent_exists"] = "The category has subcategories.",
        ["products_category_exists"] = "The category has products.",
        ["product_import_categories_category_exists"] = "An import puts products into the category.",
        ["order_details_product_exists"] = "The product has been sold; set active to false instead.",
        ["orders_address_of_client"] = "Orders were sent to this address.",
        ["orders_client_exists"] = "The client has orders.",
        ["bills_order_exists"] = "The order has a bill.",
    };

    public static IEnumerable<string> Names => Verdicts.Keys.Concat(Referrers.Keys).Distinct();

    /// <summary>The problem for a violated constraint, or null if no request should be able to violate it.</summary>
    /// <param name="constraint">Name of the constraint.</param>
    /// <param name="referenced">True when the row to be deleted or changed is still referred to.</param>
    public static Problem? For(string constraint, bool referenced)
    {
        if (referenced && Referrers.TryGetValue(constraint, out var detail))
        {
            return new Problem(ProblemType.InUse, detail);
        }

        return Verdicts.TryGetValue(constraint, out var verdict)
            ? new Problem(verdict.Type, $"{verdict.Field} {verdict.Message}.")
            {
                Errors = new Dictionary<string, string[]> { [verdict.Field!] = [verdict.Message] },
            }
            : null;
    }
}
