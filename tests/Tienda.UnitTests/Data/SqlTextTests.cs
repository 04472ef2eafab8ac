using Tienda.Data.Monitoring;

namespace Tienda.UnitTests.Data;

public sealed class SqlTextTests
{
    [Theory]
    [InlineData("/* products.list */ SELECT 1", "products.list")]
    [InlineData("  -- orders:place\nSELECT place_orders($1)", "orders:place")]
    [InlineData("/* a remark of several words */ SELECT 1", null)]
    [InlineData("SELECT 1 /* not.first */", null)]
    [InlineData("/* cut.of", null)]
    [InlineData("", null)]
    public void A_comment_in_front_is_the_name(string sql, string? name) => Assert.Equal(name, SqlText.Read(sql).Name);

    [Theory]
    [InlineData("SELECT  id_key,\n\tname FROM products -- all\nWHERE id_key = $1;", "SELECT id_key, name FROM products WHERE id_key = $1")]
    [InlineData("UPDATE clients SET email = 'ana@example.com' WHERE id_key = 4711", "UPDATE clients SET email = ? WHERE id_key = ?")]
    [InlineData("CREATE ROLE shop PASSWORD 'it''s secret'", "CREATE ROLE shop PASSWORD ?")]
    [InlineData(@"SELECT E'it\'s secret', 'a\', 'secret'", "SELECT ?, ?, ?")]
    [InlineData("SELECT $$it's secret$$, $x$ $$ secret $x$, t1.\"Column 2\" FROM t1", "SELECT ?, ?, t1.\"Column 2\" FROM t1")]
    [InlineData("SELECT 1e5, .5, 0x1F, 12.50::numeric(10,2), a2", "SELECT ?, ?, ?, ?::numeric(?,?), a2")]
    [InlineData("SELECT * FROM clients WHERE email = 'ana@exa", "SELECT * FROM clients WHERE email = ?")]
    [InlineData("SELECT 1 /* secret", "SELECT ?")]
    [InlineData("SELECT interval'3 days', B'101', U&'secret', año FROM x", "SELECT interval?, ?, ?, año FROM x")]
    [InlineData("<insufficient privilege>", "<insufficient privilege>")]
    public void Values_and_comments_are_not_shown(string sql, string shown) => Assert.Equal(shown, SqlText.Read(sql).Text);
}
