namespace NanoRecSys.IntegrationTests.Fixtures;

/// <summary>Reads fields of JSON responses.</summary>
internal static class Answers
{
    /// <summary>Names of the fields, sorted.</summary>
    public static string[] Names(this JsonElement element) =>
        [.. element.EnumerateObject().Select(property => property.Name).Order(StringComparer.Ordinal)];

    public static string[] Stages(this JsonElement answer) =>
        [.. answer.GetProperty("stages").EnumerateArray().Select(stage => stage.GetProperty("stage").GetString()!)];

    public static int[] MovieIds(this JsonElement answer) => [.. answer.GetProperty("movie_ids").EnumerateArray().Select(id => id.GetInt32())];

    /// <summary>Ids of a list of items or movies.</summary>
    public static int[] Ids(this JsonElement items) =>
        [.. items.EnumerateArray().Select(item => (item.TryGetProperty("item_id", out JsonElement id) ? id : item.GetProperty("movie_id")).GetInt32())];

    /// <summary>Ids of a list of items, as text.</summary>
    public static string[] TextIds(this JsonElement items) => [.. items.EnumerateArray().Select(item => item.GetProperty("item_id").ToString())];

    public static float[] Scores(this JsonElement answer) => [.. answer.GetProperty("scores").EnumerateArray().Select(score => score.GetSingle())];

    public static string[] Texts(this JsonElement list) => [.. list.EnumerateArray().Select(text => text.GetString()!)];

    public static string Text(this JsonElement element, string field) => element.GetProperty(field).GetString()!;

    public static bool Flag(this JsonElement element, string field) => element.GetProperty(field).GetBoolean();

    public static async Task<JsonElement> BodyAsync(this HttpResponseMessage response) =>
        JsonSerializer.Deserialize<JsonElement>(await response.Content.ReadAsStringAsync());
}
