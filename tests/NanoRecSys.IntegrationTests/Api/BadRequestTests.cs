namespace NanoRecSys.IntegrationTests.Api;

public sealed class BadRequestTests
{
    [Theory]
    [InlineData("""{}""", "user_id", "missing")]
    [InlineData("""{"user_id": null}""", "user_id", "id_type")]
    [InlineData("""{"user_id": ""}""", "user_id", "id_type")]
    [InlineData("""{"user_id": 1.5}""", "user_id", "id_type")]
    [InlineData("""{"user_id": 9223372036854775808}""", "user_id", "id_type")]
    [InlineData("""{"user_id": 1, "k": 0}""", "k", "greater_than_equal")]
    [InlineData("""{"user_id": 1, "k": 101}""", "k", "less_than_equal")]
    [InlineData("""{"user_id": 1, "explain": "perhaps"}""", "explain", "bool_type")]
    public async Task A_wrong_field_is_refused_by_name(string body, string field, string type)
    {
        ApiServer api = await SharedServers.Empty;

        using HttpResponseMessage response = await api.SendAsync("/recommend", body);

        Assert.Equal(HttpStatusCode.UnprocessableEntity, response.StatusCode);
        JsonElement error = Assert.Single((await response.BodyAsync()).GetProperty("detail").EnumerateArray());
        Assert.Equal(["body", field], error.GetProperty("loc").Texts());
        Assert.Equal(type, error.GetProperty("type").GetString());
        Assert.NotEmpty(error.GetProperty("msg").GetString()!);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("not json")]
    [InlineData("[1]")]
    [InlineData("""{"user_id": 1, "\ud800": 0}""")] // a name with half a surrogate pair
    public async Task A_body_that_is_not_a_JSON_object_is_refused_in_the_same_shape(string body)
    {
        ApiServer api = await SharedServers.Empty;

        using HttpResponseMessage response = await api.SendAsync("/recommend", body);

        Assert.Equal(HttpStatusCode.UnprocessableEntity, response.StatusCode);
        Assert.Equal("body", (await response.BodyAsync()).GetProperty("detail")[0].GetProperty("loc")[0].GetString());
    }

    [Fact]
    public async Task Unknown_fields_are_ignored_and_all_invalid_ones_are_named()
    {
        ApiServer api = await SharedServers.Ranked;

        await api.PostAsync("/recommend", """{"user_id": 11, "colour": "red", "options": {"a": [1]}}""");
        using HttpResponseMessage response = await api.SendAsync("/recommend", """{"k": "many"}""");

        Assert.Equal(2, (await response.BodyAsync()).GetProperty("detail").GetArrayLength());
    }

    [Fact]
    public async Task A_body_beyond_the_limit_is_refused()
    {
        ApiServer api = await SharedServers.Empty;

        using HttpResponseMessage response = await api.SendAsync("/recommend", $$"""{"user_id": 1, "padding": "{{new string('x', 70_000)}}"}""");

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, response.StatusCode);
        Assert.NotEmpty((await response.BodyAsync()).GetProperty("detail").GetString()!);
        Assert.Equal(response.Headers.GetValues("X-Request-Id").Single(), (await response.BodyAsync()).Text("request_id"));
        Assert.Equal("nosniff", response.Headers.GetValues("X-Content-Type-Options").Single());
    }

    [Theory]
    [InlineData("/nothing-here", HttpStatusCode.NotFound)]
    [InlineData("/recommend", HttpStatusCode.MethodNotAllowed)]
    public async Task Other_errors_also_have_a_detail(string path, HttpStatusCode expected)
    {
        ApiServer api = await SharedServers.Empty;

        using HttpResponseMessage response = await api.FetchAsync(path);

        Assert.Equal(expected, response.StatusCode);
        Assert.NotEmpty((await response.BodyAsync()).Text("detail"));
    }
}
