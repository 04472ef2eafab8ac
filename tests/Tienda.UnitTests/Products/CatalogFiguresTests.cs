using Tienda.Products;

namespace Tienda.UnitTests.Products;

public sealed class CatalogFiguresTests
{
    // A million products; one in fifty has twenty reviews or more, one in ten has any.
    private static readonly CatalogFigures Million = new(
        1_000_000, [("lamp", 0.2), ("lamps", 0.1), ("glass", 0.02), ("oak", 0.004)], [(40, 2_000), (35, 18_000), (1, 80_000)]);

    [Fact]
    public void A_word_is_as_common_as_all_that_it_stands_for()
    {
        Assert.Equal(200_000, Million.Expect(Terms(Term("lamp"))));
        Assert.Equal(300_000, Million.Expect(Terms(Term("lamp") with { Words = ["lamp", "lamps"] }))!.Value, 3);
        Assert.Equal(300_000, Million.Expect(Terms(Term("lam") with { IsBegun = true }))!.Value, 3);
        Assert.Equal(4_000, Million.Expect(Terms(Term("lamp"), Term("glass")))!.Value, 3);
    }

    [Fact]
    public void A_word_that_is_not_among_the_common_ones_is_half_as_common_as_the_least_of_them() =>
        Assert.Equal(2_000, Million.Expect(Terms(Term("quartz"))));

    [Fact]
    public void Nothing_is_expected_where_the_statistics_do_not_tell()
    {
        Assert.Null(Million.Expect(Terms(Term("lamp") with { Categories = [1] })));
        Assert.Null(new CatalogFigures(1_000, [], []).Expect(Terms(Term("lamp"))));
        Assert.Null(new CatalogFigures(0, [("lamp", 1)], []).Expect(Terms(Term("lamp"))));
    }

    [Fact]
    public void Words_that_may_go_together_are_worth_a_look_at_the_best_known()
    {
        // Expected in four thousand, and perhaps in twenty.
        var pair = new CatalogFigures(1_000_000, [("desk", 0.2), ("lamp", 0.2), ("glass", 0.02)], [(40, 2_000), (35, 18_000)]);

        Assert.True(pair.IsWorthWalking(Terms(Term("desk"), Term("lamp"))));
        Assert.False(pair.IsWorthWalking(Terms(Term("desk"), Term("glass"))));
        Assert.True(pair.IsWorthWalking(Terms(Term("desk") with { Categories = [1] })));
    }

    [Theory]
    // Met again and again among the best known.
    [InlineData("lamp", true, (short)40)]
    [InlineData("glass", false, (short)35)]
    [InlineData("oak", false, (short)1)]
    [InlineData("quartz", false, (short)1)]
    public void The_way_that_costs_least_is_taken(string word, bool isWalk, short tier)
    {
        Assert.Equal(isWalk, Million.IsWorthWalking(Terms(Term(word))));
        Assert.Equal(tier, Million.TiersFor(Million.Expect(Terms(Term(word)))!.Value)!.Value.Lowest);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(500)]
    public void Few_products_are_all_looked_at(double expected) => Assert.Null(Million.TiersFor(expected));

    [Fact]
    public void Of_products_with_the_words_that_other_filters_leave_out_those_in_the_tiers_are_looked_at_too()
    {
        Assert.Equal(1, Million.TiersFor(6_000, withWords: 20_000)!.Value.Lowest);
        Assert.Null(Million.TiersFor(6_000, withWords: 200_000));
    }

    [Fact]
    public void Where_nobody_is_known_no_tier_is_looked_at()
    {
        var unknown = new CatalogFigures(1_000_000, [("lamp", 0.2), ("oak", 0.004)], [(0, 125_000)]);

        Assert.Null(unknown.TiersFor(20_000));
        Assert.True(unknown.IsWorthWalking(Terms(Term("lamp"))));
        Assert.False(unknown.IsWorthWalking(Terms(Term("oak"))));
    }

    private static SearchTerms Terms(params SearchTerm[] terms) => new(terms);

    private static SearchTerm Term(string word) => new(word, true, false, $"'{word}'", [word], false, []);
}
