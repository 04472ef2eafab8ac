using System.Globalization;

namespace Tienda.Demo;

/// <summary>One invented client.</summary>
/// <param name="AgeInDays">How long before the day of seeding the client registered.</param>
public sealed record DemoClient(
    string Name, string Lastname, string Email, string Telephone, int AgeInDays, IReadOnlyList<DemoAddress> Addresses);

/// <summary>An invented address.</summary>
public sealed record DemoAddress(string Street, string Number, string City);

/// <summary>The words that invented people are put together from.</summary>
public static class DemoPeople
{
    /// <summary>Every demonstration client signs in with it; README.md names it.</summary>
    public const string Password = "tienda-demo";

    /// <summary>What tells a demonstration client from others, as a regular expression of PostgreSQL over the lower-case e-mail.</summary>
    public const string EmailPattern = @"\+demo([0-9]{1,6})@example\.com$";

    private static readonly string[] Names =
    [
        "Adrián", "Ainhoa", "Alba", "Alejandro", "Amelia", "Beatriz", "Bruno", "Camila", "Carlos", "Carmen", "Clara", "Daniel", "Diego",
        "Elena", "Emma", "Esteban", "Eva", "Fernando", "Gabriela", "Gonzalo", "Hannah", "Hugo", "Inés", "Irene", "Iván", "Javier", "Joana",
        "Jorge", "Julia", "Laura", "Leo", "Lucía", "Luis", "Manuel", "Marina", "Mario", "Martina", "Mateo", "Miguel", "Natalia", "Noah",
        "Nuria", "Olivia", "Óscar", "Pablo", "Paula", "Rafael", "Rocío", "Rubén", "Sara", "Sofía", "Tomás", "Valentina", "Víctor", "Zoe",
    ];

    private static readonly string[] Lastnames =
    [
        "Aguilar", "Alonso", "Álvarez", "Baker", "Benítez", "Blanco", "Cabrera", "Campos", "Castillo", "Costa", "Cruz", "Delgado", "Díaz",
        "Domínguez", "Duarte", "Escobar", "Fernández", "Ferreira", "Flores", "Fuentes", "García", "Gómez", "Herrera", "Ibáñez", "Jiménez",
        "Keller", "López", "Lozano", "Marín", "Martínez", "Medina", "Méndez", "Molina", "Moreno", "Muñoz", "Navarro", "Núñez", "Ortega",
        "Peña", "Pereira", "Quintana", "Ramírez", "Reyes", "Ríos", "Rojas", "Romero", "Ruiz", "Salazar", "Santos", "Serrano", "Silva",
        "Soto", "Suárez", "Torres", "Vargas", "Vidal", "Weber", "Young", "Zapata", "Zúñiga",
    ];

    private static readonly string[] Streets =
    [
        "Calle Mayor", "Calle del Sol", "Avenida de la Constitución", "Plaza Nueva", "Calle San Juan", "Paseo del Río", "Calle de la Luna",
        "Avenida Libertad", "Calle Real", "Camino Viejo", "Calle de los Olivos", "Rambla Nueva", "Oak Street", "Maple Avenue", "Mill Lane",
    ];

    private static readonly string[] Cities =
    [
        "Madrid", "Barcelona", "Valencia", "Sevilla", "Zaragoza", "Málaga", "Bilbao", "Granada", "Ciudad de México", "Guadalajara",
        "Bogotá", "Medellín", "Buenos Aires", "Rosario", "Santiago", "Lima", "Montevideo", "Quito", "Miami", "San Antonio",
    ];

    // 555-0100 to 555-0199 is set aside for invented numbers in each of these areas.
    private static readonly int[] AreaCodes = [202, 212, 213, 305, 312, 404, 415, 512, 602, 617, 702, 713, 786, 915];

    /// <summary>The client of a number from 1.</summary>
    public static DemoClient Client(int number)
    {
        var random = new DemoRandom('c', number);
        var (name, lastname) = (random.Pick(Names), random.Pick(Lastnames));
        return new DemoClient(
            name,
            lastname,
            string.Create(CultureInfo.InvariantCulture, $"{Plain(name)}.{Plain(lastname)}+demo{number}@example.com"),
            string.Create(CultureInfo.InvariantCulture, $"+1{random.Pick(AreaCodes)}55501{random.Below(100):D2}"),
            random.Between(366, 1000),
            random.Chance(25) ? [Address(ref random), Address(ref random)] : [Address(ref random)]);
    }

    private static DemoAddress Address(ref DemoRandom random) =>
        new(random.Pick(Streets), random.Between(1, 180).ToString(CultureInfo.InvariantCulture), random.Pick(Cities));

    // Written out, because the program runs without the tables that take accents off (InvariantGlobalization).
    private static string Plain(string name) => name.ToLowerInvariant()
        .Replace('á', 'a').Replace('é', 'e').Replace('í', 'i').Replace('ó', 'o').Replace('ú', 'u').Replace('ñ', 'n');
}
