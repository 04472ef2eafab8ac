using System.Globalization;
using System.Text.RegularExpressions;

namespace Tienda.ApiTests.RealInput;

/// <summary>Tells a shop the history of Northwind, through its HTTP interface only, as a shop that moves to Tienda would.</summary>
public sealed partial class NorthwindImport(Northwind northwind, HttpClient http)
{
    private readonly Dictionary<int, long> _categories = [];
    private readonly Dictionary<int, decimal> _prices = [];
    private readonly Dictionary<int, int> _stock = [];

    /// <summary>Which id_key a product was given.</summary>
    public Dictionary<int, long> Products { get; } = [];

    /// <summary>Which id_key a customer and the customer's address were given.</summary>
    public Dictionary<string, (long Client, long Address)> Clients { get; } = [];

    /// <summary>Which id_key an order was given.</summary>
    public Dictionary<int, long> Orders { get; } = [];

    public async Task RunAsync()
    {
        foreach (var category in northwind.Categories)
        {
            _categories[category.Id] = (await http.PostAsync("/categories", new { name = category.Name }).ShouldBeAsync(201)).Id();
        }

        foreach (var product in northwind.Products)
        {
            await AddAsync(product);
        }

        // Side by side, but not more than wait for a password's hash at once.
        foreach (var some in northwind.Customers.Chunk(16))
        {
            var clients = await Task.WhenAll(some.Select(RegisterAsync));
            foreach (var (customer, ids) in some.Zip(clients))
            {
                Clients[customer.Id] = ids;
            }
        }

        foreach (var order in northwind.Orders)
        {
            await PlaceAsync(order);
        }

        foreach (var product in northwind.Products.Where(p => p.Discontinued))
        {
            await ChangeAsync(product.Id, new { active = false });
        }
    }

    /// <summary>What a line's discount, given as a fraction, comes to; rounded once for the whole bill, half a cent upwards.</summary>
    public static decimal DiscountOf(NorthwindOrder order) =>
        decimal.Round(order.Lines.Sum(l => l.Price * l.Quantity * l.Discount), 2, MidpointRounding.AwayFromZero);

    private async Task AddAsync(NorthwindProduct product)
    {
        var made = await http.PostAsync("/products", new
        {
            name = product.Name,
            description = product.Description,
            sku = string.Create(CultureInfo.InvariantCulture, $"NW-{product.Id:D3}"),
            price = product.Price,
            stock = product.Stock,
            category_id = _categories[product.CategoryId],
        }).ShouldBeAsync(201);
        Products[product.Id] = made.Id();
        _prices[product.Id] = product.Price;
        _stock[product.Id] = product.Stock;
    }

    private async Task<(long Client, long Address)> RegisterAsync(NorthwindCustomer customer)
    {
        var names = customer.Name.Split(' ', 2, StringSplitOptions.RemoveEmptyEntries);
        var client = await http.PostAsync("/clients", new
        {
            name = names[0],
            lastname = names[^1],
            email = $"{customer.Id.ToLowerInvariant()}@northwind.example.com",
            telephone = Telephone(customer.Phone),
            password = Given.Password,
        }).ShouldBeAsync(201);
        var (street, number) = StreetAndNumber(customer.Address);
        var address = await http.PostAsync("/addresses", new { street, number, city = customer.City, client_id = client.Id() })
            .ShouldBeAsync(201);
        return (client.Id(), address.Id());
    }

    private async Task PlaceAsync(NorthwindOrder order)
    {
        foreach (var line in order.Lines)
        {
            await PrepareAsync(line, order.Lines.Where(l => l.ProductId == line.ProductId).Sum(l => l.Quantity));
        }

        var (client, address) = Clients[order.CustomerId];
        var placed = await http.PostAsync("/orders", new
        {
            client_id = client,
            address_id = address,
            delivery_method = 3,
            payment_type = 5,
            discount = DiscountOf(order),
            items = order.Lines.Select(l => new { product_id = Products[l.ProductId], quantity = l.Quantity, price = l.Price }),
        }).ShouldBeAsync(201);
        Orders[order.Id] = placed.Id();
        foreach (var line in order.Lines)
        {
            _stock[line.ProductId] -= line.Quantity;
        }
    }

    /// <summary>Sets the price of that day, and restocks all that the history ever sells of a product when it first runs short.</summary>
    private async Task PrepareAsync(NorthwindLine line, int needed)
    {
        if (_prices[line.ProductId] != line.Price)
        {
            await ChangeAsync(line.ProductId, new { price = line.Price });
            _prices[line.ProductId] = line.Price;
        }

        if (_stock[line.ProductId] < needed)
        {
            var delivery = northwind.Orders.SelectMany(o => o.Lines).Where(l => l.ProductId == line.ProductId).Sum(l => l.Quantity);
            await ChangeAsync(line.ProductId, new { stock_change = delivery });
            _stock[line.ProductId] += delivery;
        }
    }

    private Task ChangeAsync(int product, object change) => http.PatchAsync($"/products/{Products[product]}", change).ShouldBeAsync(200);

    /// <summary>The digits behind a plus, or null if the shop would not take them for a number of that kind.</summary>
    private static string? Telephone(string phone) =>
        "+" + string.Concat(phone.Where(char.IsAsciiDigit)) is var number && Dialled().IsMatch(number) ? number : null;

    private static (string Street, string Number) StreetAndNumber(string address)
    {
        var match = NumberFirst().Match(address) is { Success: true } first ? first : NumberLast().Match(address);
        return match.Success ? (match.Groups["street"].Value.Trim(), match.Groups["number"].Value) : (address.Trim(), "s/n");
    }

    [GeneratedRegex(@"^\+[1-9]\d{6,19}$")]
    private static partial Regex Dialled();

    [GeneratedRegex(@"^(?<number>\d+)[\s,-]+(?<street>\D.*)$")]
    private static partial Regex NumberFirst();

    [GeneratedRegex(@"^(?<street>.*?\D)[\s,]+(?<number>#?\d[\w-]{0,18})$")]
    private static partial Regex NumberLast();
}
