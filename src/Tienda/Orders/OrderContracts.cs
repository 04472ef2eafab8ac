namespace Tienda.Orders;

/// <summary>A product of which less is there than was asked for.</summary>
public sealed record Shortage(long ProductId, int Requested, int Available);
