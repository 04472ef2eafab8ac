using Tienda.Caching;
using Tienda.Http;

namespace Tienda.UnitTests.Caching;

public sealed class CacheKeyTests
{
    [Theory]
    [InlineData("/products", "", "products:list:skip:0:limit:100")]
    [InlineData("/products/", "", "products:list:skip:0:limit:100")]
    [InlineData("/products", "?skip=0&limit=20", "products:list:skip:0:limit:20")]
    [InlineData("/products", "?limit=20", "products:list:skip:0:limit:20")]
    [InlineData("/products", "?limit=20&utm_source=mail&&x", "products:list:skip:0:limit:20")]
    [InlineData("/products", "?sort=price&limit=20&in_stock=true", "products:list:skip:0:limit:20:in_stock:true:sort:price")]
    [InlineData("/products", "?in_stock=true&sort=price&limit=20", "products:list:skip:0:limit:20:in_stock:true:sort:price")]
    [InlineData("/products", "?sort=id", "products:list:skip:0:limit:100")]
    [InlineData("/products", "?min_price=5&max_price=7.5", "products:list:skip:0:limit:100:min_price:5.00:max_price:7.50")]
    [InlineData("/products", "?min_price=5.00&max_price=7.50", "products:list:skip:0:limit:100:min_price:5.00:max_price:7.50")]
    [InlineData("/products", "?search=caf%C3%A9+solo", "products:list:skip:0:limit:100:search:café solo")]
    [InlineData("/products", "?search=café%20solo", "products:list:skip:0:limit:100:search:café solo")]
    [InlineData("/products", "?search=a&sort=id", "products:list:skip:0:limit:100:sort:id:search:a")]
    [InlineData("/products", "?search=+", "products:list:skip:0:limit:100")]
    [InlineData("/products", "?search=a:sort:price", "products:list:skip:0:limit:100:search:a:sort:price")]
    [InlineData("/products", "?count=exact&category_id=3&after=MjppZDo", "products:list:skip:0:limit:100:after:MjppZDo:count:exact:category_id:3")]
    [InlineData("/products/facets", "", "products:facets")]
    [InlineData("/products/facets/", "?sort=price&limit=5&after=x&in_stock=true&category_id=3", "products:facets:category_id:3:in_stock:true")]
    [InlineData("/products/facets", "?search=a:skip:9", "products:facets:search:a:skip:9")]
    [InlineData("/products/7", "", "products:id:7")]
    [InlineData("/products/7/", "?limit=5", "products:id:7")]
    [InlineData("/products/7/reviews", "?limit=5", "reviews:product:7:skip:0:limit:5")]
    [InlineData("/categories", "?search=x", "categories:list:skip:0:limit:100")]
    [InlineData("/categories/3", "", "categories:id:3")]
    public void Requests_that_mean_the_same_have_one_name(string path, string query, string name) => Assert.Equal(name, Name(path, query));

    [Theory]
    [InlineData("/", "")]
    [InlineData("/productsx", "")]
    [InlineData("/Products", "")]
    [InlineData("/products/0", "")]
    [InlineData("/products/07", "")]
    [InlineData("/products/+7", "")]
    [InlineData("/products/9223372036854775808", "")]
    [InlineData("/products//reviews", "")]
    [InlineData("/products/7/orders", "")]
    [InlineData("/products/7/reviews/1", "")]
    [InlineData("/categories/3/x", "")]
    [InlineData("/reviews", "")]
    [InlineData("/orders", "")]
    [InlineData("/clients/1", "")]
    [InlineData("/products", "?limit=0")]
    [InlineData("/products", "?limit=1001")]
    [InlineData("/products", "?limit=020")]
    [InlineData("/products", "?limit=")]
    [InlineData("/products", "?limit")]
    [InlineData("/products", "?limit=5&limit=6")]
    [InlineData("/products", "?Limit=5")]
    [InlineData("/products", "?li%6Dit=5")]
    [InlineData("/products", "?limit=%35")]
    [InlineData("/products", "?skip=10001")]
    [InlineData("/products", "?count=estimate")]
    [InlineData("/products", "?in_stock=True")]
    [InlineData("/products", "?sort=-sales")]
    [InlineData("/products", "?min_price=1e2")]
    [InlineData("/products", "?category_id=-1")]
    [InlineData("/products", "?after=a.b")]
    public void What_may_be_refused_or_is_spelled_in_another_way_has_none(string path, string query) => Assert.Equal("", Name(path, query));

    [Fact]
    public void A_long_search_has_none() => Assert.Equal("", Name("/products", "?search=" + new string('a', 201)));

    [Theory]
    [InlineData("products:list:skip:40:limit:20", "/products?limit=20&after=NzppZDo")]
    [InlineData("products:list:skip:0:limit:5:after:MzppZDo:count:exact:sort:price", "/products?limit=5&count=exact&sort=price&after=NzppZDo")]
    [InlineData("products:list:skip:0:limit:5:search:a:b & c", "/products?limit=5&search=a%3Ab%20%26%20c&after=NzppZDo")]
    [InlineData("categories:list:skip:0:limit:5", "/categories?limit=5&after=NzppZDo")]
    [InlineData("reviews:product:31:skip:0:limit:5", "/products/31/reviews?limit=5&after=NzppZDo")]
    public void The_next_page_follows_from_the_name(string key, string url) => Assert.Equal(url, CacheKey.NextUrl(key, new Cursor(7)));

    [Theory]
    [InlineData("products:list:skip:0:limit:20", false)]
    [InlineData("products:list:skip:999:limit:20:search:a:after:b", false)]
    [InlineData("products:list:skip:1000:limit:20", true)]
    [InlineData("products:list:skip:0:limit:20:after:MjppZDo", true)]
    [InlineData("reviews:product:7:skip:0:limit:100:after:MjppZDo", true)]
    [InlineData("products:facets:search:a:skip:9", false)]
    [InlineData("products:id:7", false)]
    public void A_page_far_from_the_beginning_is_told_by_its_name(string key, bool isDeep) => Assert.Equal(isDeep, CacheKey.IsDeep(key));

    private static string Name(string path, string query)
    {
        Span<char> key = stackalloc char[CacheKey.Longest];
        return key[..CacheKey.Write(path, query, key)].ToString();
    }
}
