namespace Tienda.Data;

/// <summary>The private PostgreSQL cannot run; the message says why and what to do.</summary>
public sealed class LocalPostgresException(string message) : Exception(message);
