namespace Tienda.Products;

/// <summary>The categories that products can be put into.</summary>
public sealed class ImportCategories
{
    private readonly HashSet<long> _ids = [];
    private readonly Dictionary<string, long> _byName = [];

    public void Add(long id, string name)
    {
        _ids.Add(id);
        _byName[name] = id;
    }

    /// <summary>Finds the category that a line names, by its id, its name, or both.</summary>
    public void Find(ImportLine line, ImportErrors errors)
    {
        if (line.CategoryId is { } id && !_ids.Contains(id))
        {
            errors.Add(line.Number, "category_id", "is not the id_key of a category");
        }
        else if (line.Category is not { } name)
        {
            return;
        }
        else if (!_byName.TryGetValue(name, out var named))
        {
            errors.Add(line.Number, "category", "is not the name of a category");
        }
        else if ((line.CategoryId ?? named) != named)
        {
            errors.Add(line.Number, "category", "is not the name of the category with this category_id");
        }
        else
        {
            line.CategoryId = named;
        }
    }
}
