using Tienda.Orders;

namespace Tienda.Demo;

/// <summary>A client who can order, and where to.</summary>
public readonly record struct DemoBuyer(long Id, long? AddressId);

/// <summary>A product that can be ordered, at its present price.</summary>
public readonly record struct DemoOffer(long Id, Money Price);

/// <summary>An order of the past year.</summary>
/// <param name="Bill">Null as long as nobody has paid.</param>
public sealed record DemoOrder(
    DemoBuyer Buyer,
    DateTime Date,
    short DeliveryMethod,
    short Status,
    IReadOnlyList<DemoLine> Lines,
    DemoBill? Bill,
    IReadOnlyList<DemoReview> Reviews)
{
    public Money Total => new(Lines.Sum(l => l.Offer.Price.MinorUnits * l.Quantity));
}

public readonly record struct DemoLine(DemoOffer Offer, int Quantity);

public sealed record DemoBill(DateTime Date, Money Discount, short PaymentType, DateTime? VoidedAt);

/// <param name="Rating">In tenths, as the database keeps it.</param>
public sealed record DemoReview(long ProductId, short Rating, string? Comment, DateTime Date);

/// <summary>Invents a year of trade: old orders are delivered or cancelled, those of the last days still open.</summary>
/// <param name="today">Midnight that ends the year; nothing is dated later.</param>
public sealed class DemoHistory(IReadOnlyList<DemoBuyer> buyers, IReadOnlyList<DemoOffer> offers, DateTime today)
{
    private static readonly TimeSpan Year = TimeSpan.FromDays(365);

    private static readonly string[] Likes =
    [
        "Exactly as described, and well packed.", "Better than I expected for the price.", "Solid and simple, nothing to complain about.",
        "My second one; I gave the first one away and missed it.", "Arrived in two days and works perfectly.",
        "Good quality, I would buy it again.", "The colour is even nicer than in the picture.",
        "Muy buena calidad, lo recomiendo.", "Llegó antes de lo previsto y en perfecto estado.",
    ];

    private static readonly string[] Complaints =
    [
        "It does its job, but it is smaller than I thought.", "Delivery took longer than promised.",
        "Good idea, the finish could be better.", "The colour is not the one in the picture.",
        "Cumple, pero esperaba algo más por el precio.", "One corner was scratched when it arrived.",
    ];

    /// <summary>Invents one order.</summary>
    /// <param name="number">Decides what it is.</param>
    /// <param name="place">From 0; together with <paramref name="count"/> it decides when it was: orders come in order of date.</param>
    public DemoOrder Order(int number, int place, int count)
    {
        var random = new DemoRandom('o', number);
        // Trade grows: half of the orders fall into the last quarter, and even a few dozen leave some that are still open.
        var left = 1 - ((place + (random.Below(1000) / 1000.0)) / count);
        var date = Seconds(today - (Year * (left * left)));
        var buyer = buyers[random.Below(buyers.Count)];
        var lines = Lines(ref random);
        var status = Status(ref random, (today - date).Days);
        var delivery = (short)(random.Chance(65) && buyer.AddressId is not null ? 3 : random.Between(1, 2));
        var bill = Bill(ref random, status, date, new Money(lines.Sum(l => l.Offer.Price.MinorUnits * l.Quantity)));
        var reviews = status == OrderStatus.Delivered ? Reviews(ref random, lines, date) : new List<DemoReview>();
        return new DemoOrder(buyer, date, delivery, status, lines, bill, reviews);
    }

    private static short Status(ref DemoRandom random, int days) => random.Below(100) switch
    {
        < 6 => OrderStatus.Canceled,
        var x when days >= 10 => OrderStatus.Delivered,
        < 30 when days >= 4 => OrderStatus.Delivered,
        < 75 => OrderStatus.InProgress,
        _ => OrderStatus.Pending,
    };

    private List<DemoLine> Lines(ref DemoRandom random)
    {
        var wanted = Math.Min(random.Pick([1, 1, 1, 2, 2, 3, 4, 5]), offers.Count);
        var lines = new List<DemoLine>(wanted);
        while (lines.Count < wanted)
        {
            // The smaller of two throws: some products sell better than others.
            var offer = offers[Math.Min(random.Below(offers.Count), random.Below(offers.Count))];
            if (!lines.Exists(l => l.Offer.Id == offer.Id))
            {
                lines.Add(new DemoLine(offer, random.Pick([1, 1, 1, 1, 2, 2, 3, 4, 6])));
            }
        }

        return lines;
    }

    private DemoBill? Bill(ref DemoRandom random, short status, DateTime date, Money total)
    {
        var billed = status switch { OrderStatus.Pending => random.Chance(30), OrderStatus.Canceled => random.Chance(50), _ => true };
        var percent = random.Chance(20) ? random.Pick([5, 10, 15]) : 0;
        var payment = (short)random.Between(1, 5);
        var voided = Earlier(date.AddHours(random.Between(2, 72)));
        var discount = new Money(((total.MinorUnits * percent) + 50) / 100);
        return billed ? new DemoBill(Earlier(date.AddMinutes(2)), discount, payment, status == OrderStatus.Canceled ? voided : null) : null;
    }

    private List<DemoReview> Reviews(ref DemoRandom random, List<DemoLine> lines, DateTime date)
    {
        var reviews = new List<DemoReview>();
        foreach (var line in lines)
        {
            if (random.Chance(30))
            {
                // Most people who write are content; a product's own quality moves all of its ratings.
                var quality = (int)(line.Offer.Price.MinorUnits % 3);
                var rating = (short)Math.Clamp(50 - (5 * (random.Below(4) + quality)) - (random.Chance(8) ? 20 : 0), 10, 50);
                var comment = random.Chance(75) ? random.Pick(rating >= 40 ? Likes : Complaints) : null;
                reviews.Add(new DemoReview(line.Offer.Id, rating, comment, Earlier(date.AddDays(random.Between(3, 20)))));
            }
        }

        return reviews;
    }

    private DateTime Earlier(DateTime date) => date < today ? date : today;

    private static DateTime Seconds(DateTime date) => date.AddTicks(-(date.Ticks % TimeSpan.TicksPerSecond));
}
