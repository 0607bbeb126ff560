import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Random;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.streams.processor.api.Record;

/** Confluent's wire format with Avro bodies, and the headers of an action. For one thread. */
final class Wire {
    private static final String STAGE = "fold-benchmark";
    private static final int HEADER = 5;
    private static final DateTimeFormatter RFC_3339 =
            DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'").withZone(ZoneOffset.UTC);

    private final int eventId;
    private final GenericDatumReader<GenericRecord> reader;
    private final Schema action;
    private final Schema body;
    private final byte[] frame;
    private final GenericDatumWriter<GenericRecord> writer;
    private final Random spans = new Random();
    private BinaryDecoder decoder;
    private BinaryEncoder encoder;

    /** Each schema lies in `schemas` as RECORD.avsc, its id in decimal digits as RECORD.id. */
    Wire(Path schemas) throws IOException {
        reader = new GenericDatumReader<>(schema(schemas, "Interaction"));
        eventId = id(schemas, "Interaction");
        action = schema(schemas, "ActionCommand");
        body = action.getField("body").schema().getTypes().stream()
                .filter(branch -> branch.getName().equals("SendMessage"))
                .findFirst()
                .orElseThrow();
        frame = ByteBuffer.allocate(HEADER).put((byte) 0).putInt(id(schemas, "ActionCommand")).array();
        writer = new GenericDatumWriter<>(action);
    }

    private static Schema schema(Path schemas, String record) throws IOException {
        return new Schema.Parser().parse(schemas.resolve(record + ".avsc").toFile());
    }

    private static int id(Path schemas, String record) throws IOException {
        return Integer.parseInt(Files.readString(schemas.resolve(record + ".id")));
    }

    GenericRecord decode(byte[] value) {
        if (value[0] != 0 || ByteBuffer.wrap(value, 1, 4).getInt() != eventId) {
            throw new IllegalArgumentException("the record is no Interaction");
        }
        try {
            decoder = DecoderFactory.get().binaryDecoder(value, HEADER, value.length - HEADER, decoder);
            return reader.read(null, decoder);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    /** The action that an event causes, as a record with its key and headers. */
    Record<String, byte[]> action(Record<String, byte[]> cause, GenericRecord event, int count) {
        var identifiers = (List<?>) event.get("identifiers");
        String customer = ((GenericRecord) identifiers.get(0)).get("value").toString();
        String id = Ids.of(STAGE, customer, Integer.toString(count));
        GenericRecord command = command(id, customer, event, count);
        long decidedAt = (Long) event.get("received_at");
        return new Record<>(customer, encode(command), cause.timestamp(), headers(id, decidedAt, cause.headers()));
    }

    private GenericRecord command(String id, String customer, GenericRecord event, int count) {
        var message = new GenericData.Record(body);
        message.put("channel", "sms");
        message.put("to", "+442079460018");
        message.put("template", "tenth_event");
        message.put("language", "en");
        message.put("text", "You have been here " + count + " times.");
        var command = new GenericData.Record(action);
        command.put("action_id", id);
        command.put("customer_id", customer);
        command.put("kind", symbol("kind", "send_message"));
        command.put("lane", symbol("lane", "service_reply"));
        command.put("body", message);
        command.put("strategy_id", STAGE);
        command.put("strategy_version", 1);
        command.put("attempt_key", customer);
        command.put("step", "thank");
        command.put("occurrence", count);
        command.put("event_id", event.get("event_id"));
        command.put("interaction_id", event.get("interaction_id"));
        command.put("decided_at", event.get("received_at"));
        return command;
    }

    private GenericData.EnumSymbol symbol(String field, String name) {
        return new GenericData.EnumSymbol(action.getField(field).schema(), name);
    }

    private byte[] encode(GenericRecord command) {
        var out = new ByteArrayOutputStream(512);
        out.writeBytes(frame);
        encoder = EncoderFactory.get().binaryEncoder(out, encoder);
        try {
            writer.write(command, encoder);
            encoder.flush();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        return out.toByteArray();
    }

    private Headers headers(String id, long time, Headers cause) {
        var headers = new RecordHeaders();
        headers.add("ce_specversion", "1.0".getBytes(UTF_8));
        headers.add("ce_id", id.getBytes(UTF_8));
        headers.add("ce_type", action.getFullName().getBytes(UTF_8));
        headers.add("ce_source", ("throughline/" + STAGE).getBytes(UTF_8));
        headers.add("content-type", "application/avro".getBytes(UTF_8));
        headers.add("ce_time", RFC_3339.format(Instant.ofEpochMilli(time)).getBytes(UTF_8));
        Header trace = cause.lastHeader("traceparent");
        if (trace != null) {
            headers.add("traceparent", child(new String(trace.value(), UTF_8)).getBytes(UTF_8));
        }
        return headers;
    }

    /** A new span in the same trace: version, trace id and flags stay. */
    private String child(String trace) {
        String[] parts = trace.split("-", 4);
        return String.join("-", parts[0], parts[1], String.format("%016x", spans.nextLong()), parts[3]);
    }
}
